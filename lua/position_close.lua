-- position_close: close an open position or a part of it, once: for its owner, an admin or a tick.
--
-- KEYS  1 to 20 as in positions.lua   21 watch:{idx}
--      22 idem:{uid}:{key} or the lease a tick needs   23 order:{id} that waited or replayed:{uid}
-- ARGV  1 event id   2 uid   3 now (calendar ms)   4 by whom
--   owner: 5 idempotency key   6 fingerprint   7 quantity (1e-3 share) or '' for all
--          8 bound (1e-4 coin, or '')   9 version known, or ''   10 '1' if it waits in play
--   tick:  5 ''   6 id of the tick   7 '1' if ticks before it are missing   8 lease's owner, or ''
-- Returns {"ok", stream id, fact} | {"replayed", fact} | {"delayed", "0"} | {"refused", code, ...}
-- Twin: domain/closing.py; compared in tests/lua/test_position_close.py

local event, uid, now_ms, by, idem = unpack(ARGV, 1, 5)
local fingerprint, tick_id, approx = ARGV[6], '', '0'
if idem ~= '' then
  local before = known(KEYS[22], fingerprint, KEYS[23])
  if before then return before end
else
  fingerprint, tick_id, approx = '', ARGV[6], ARGV[7]
  if ARGV[8] ~= '' and redis.call('GET', KEYS[22]) ~= ARGV[8] then return refused('FENCED') end
end
local pos, inst = load_position(), load_instrument(KEYS[1])
if not (pos and pos.uid == uid and inst) then return refused('POSITION_UNKNOWN') end
if pos.qty == 0 then return refused('POSITION_CLOSED', 'reason', pos.why) end
local qty, at, reason, bound, tick, quote, level = pos.qty, inst, by
if idem ~= '' then
  qty, bound = tonumber(ARGV[7]) or pos.qty, tonumber(ARGV[8])
  if ARGV[9] ~= '' and ARGV[9] ~= text(pos.no) then
    return refused('VERSION_MISMATCH', 'version', text(pos.no))
  end
  if not (qty >= 1 and qty == math.floor(qty)) then return refused('QUANTITY_INVALID') end
  if qty > pos.qty then return refused('QUANTITY_LIMIT_EXCEEDED', 'limit_qty', text(pos.qty)) end
  if not quiet(pos, KEYS[21]) then return refused('SCAN_FIRST') end
  if inst.halt % 16 ~= 0 then return halted(inst) end
else
  tick = load_tick(tick_id)
  if not tick then return refused('TICK_TRIMMED') end
  if tick.s <= pos.cs then return refused('TICK_CHECKED') end
  reason, quote, level = breach(pos, tick)
  if not reason then return refused('NOT_BREACHED') end
  at = setmetatable({f = tick.f}, {__index = inst})
end
local px, value, close_fee = price(at, -pos.sign, qty)
if bound and -pos.sign * px > -pos.sign * bound then
  return refused('PRICE_BOUND_EXCEEDED', 'quoted_px', text(px))
end
if reason == 'take_profit' and pos.sign * px < pos.sign * pos.tp then
  reason, quote, level = liquidation(pos, tick) -- a profit that cannot be had is no shield
  if not reason then return refused('TAKE_PROFIT_NOT_REACHABLE', 'quoted_px', text(px)) end
end

local margin, oval = mul_div(pos.margin, qty, pos.qty), mul_div(pos.oval, qty, pos.qty)
local gained = pos.sign * (value - oval)
local pnl = math.max(gained, -margin)
local fee = math.min(close_fee, margin + pnl)
local lacking = cover_refusal(pos, margin, gained, close_fee, tick)
if lacking then return lacking end
if idem ~= '' and ARGV[10] == '1' and in_play(inst) then return {'delayed', '0'} end
-- What stays open has another liquidation price by a unit: not for the ticks before this moment.
if idem ~= '' then pos.ctick, pos.cs = inst.tid, inst.seq end
pos.qty, pos.margin, pos.oval = pos.qty - qty, pos.margin - margin, pos.oval - oval
pos.fees, pos.rpnl = pos.fees + fee, pos.rpnl + pnl
if pos.qty > 0 then pos.liq = liquidation_px(pos) else pos.cat, pos.why = now_ms, reason end
inst.q = inst.q - pos.sign * qty
if pos.sign < 0 then inst.so = inst.so - qty end
advance(inst, tonumber(now_ms))
local wallet, treasury = load_wallet(KEYS[2]), load_wallet(KEYS[3])
if not move(pos, wallet, treasury, margin + pnl - fee, -margin) then
  return refused('AMOUNT_LIMIT_EXCEEDED')
end
local outcome = record({
  'k', 'close', 'event', event, 'tqty', text(qty), 'px', text(px), 'val', text(value),
  'fee', text(fee), 'pnl', text(pnl), 'loss', text(pnl - gained), 'dm', text(-margin),
  'by', by, 'reason', reason, 'ttick', tick_id, 'tquote', quote and text(quote) or '',
  'tlevel', level and text(level) or '', 'tf', tick and text(tick.f) or '', 'approx', approx,
  'idem', idem, 'fp', fingerprint, 'coid', '', 'ms', now_ms,
}, {inst = inst, wallet = wallet, treasury = treasury, pos = pos, grown = -qty, why = 'close',
  name = 'position_closed', replayed = idem == '' and KEYS[23]})
if pos.qty == 0 then redis.call('EXPIRE', KEYS[5], 604800) end -- 7 days of real time
if idem ~= '' then remember(KEYS[22], fingerprint, outcome[3]) end
return outcome
