-- position_margin: add margin to an open position, or take some back, once per idempotency key.
--
-- KEYS  1 to 20 as in positions.lua   21 watch:{idx}   22 idem:{uid}:{key}
-- ARGV  1 event id   2 uid   3 now (calendar ms)   4 amount (1e-4 coin; negative: take back)
--       5 idempotency key   6 fingerprint
-- Returns {"ok", stream id, fact} | {"replayed", fact} | {"refused", code, name, value, ...}
-- Twin: domain/changing.py remargined(); compared in tests/lua/test_position_margin.py

local event, uid, now_ms, amount = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local idem, fingerprint = ARGV[5], ARGV[6]

local before = known(KEYS[22], fingerprint)
if before then return before end
local pos, inst = load_position(), load_instrument(KEYS[1], 'bid', 'ask', 'mark')
if not (pos and pos.uid == uid and inst) then return refused('POSITION_UNKNOWN') end
if pos.qty == 0 then return refused('POSITION_CLOSED', 'reason', pos.why) end
if not quiet(pos, KEYS[21]) then return refused('SCAN_FIRST') end
if inst.halt % 16 ~= 0 then return halted(inst) end

local sign, margin, least = pos.sign, pos.margin + amount, -floor_div(-pos.oval, pos.lev)
if margin > pos.oval or (amount < 0 and margin < least) then
  local limit = amount > 0 and pos.oval - pos.margin or math.max(0, pos.margin - least)
  return refused('MARGIN_LIMIT_EXCEEDED', 'limit_e4', text(limit))
end
local wallet, treasury = load_wallet(KEYS[2]), load_wallet(KEYS[3])
local lacking = money_refusal(wallet, amount, 'INSUFFICIENT_FUNDS')
if lacking then return lacking end
pos.margin = margin
pos.liq = liquidation_px(pos)
if sign * inst.mark <= sign * pos.liq then
  return refused('INSUFFICIENT_MARGIN', 'liquidation_px', text(pos.liq))
end
if pos.sl and sign * pos.sl < sign * pos.liq then
  return refused('STOP_LOSS_PRICE_INVALID', 'liquidation_px', text(pos.liq))
end
pos.ctick, pos.cs = inst.tid, inst.seq
if not move(pos, wallet, treasury, -amount, amount) then
  return refused('AMOUNT_LIMIT_EXCEEDED')
end
local outcome = record({
  'k', 'change', 'event', event, 'tqty', '0', 'px', '', 'val', '0', 'fee', '0', 'pnl', '0',
  'loss', '0', 'dm', text(amount), 'by', 'client', 'reason', '', 'ttick', '', 'tquote', '',
  'tlevel', '', 'tf', '', 'approx', '0', 'idem', idem, 'fp', fingerprint, 'coid', '',
  'ms', now_ms,
}, {inst = inst, wallet = wallet, treasury = treasury, pos = pos, grown = 0,
  name = 'position_updated'})
remember(KEYS[22], fingerprint, outcome[3])
return outcome
