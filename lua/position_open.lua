-- position_open: open a CFD position with the house, once per idempotency key.
--
-- KEYS  1 to 20 as in positions.lua   21 idem:{uid}:{key}   22 coid:{uid}:{id}, order:{id} or none
-- ARGV  1 position id   2 uid   3 idx   4 side   5 idempotency key   6 fingerprint
--       7 client order id or ''   8 quantity (1e-3 share)   9 bound (1e-4 coin, or '')
--      10 now (calendar ms)   11 leverage
--      12 stop-loss   13 take-profit   14 trailing distance   (1e-4 coin, or '')
--      15 '1' if it waits in play   16 what it had set aside while it did (1e-4 coin)
--      17 '1' if openings pause
-- Returns {"ok", stream id, fact} | {"replayed", fact} | {"refused", code, name, value, ...}
--         | {"delayed", what it has to set aside} if all that speaks against it is its wait
-- Twin: domain/opening.py opened(); compared in tests/lua/test_position_open.py

local id, uid, idx, side, idem, fingerprint, coid = unpack(ARGV, 1, 7)
local qty, bound, now_ms, lev = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10], tonumber(ARGV[11])
local sign, own = side == 'long' and 1 or -1, tonumber(ARGV[16])

local before = known(KEYS[21], fingerprint, KEYS[22]) or paused(ARGV[17])
if before then return before end
local inst = load_instrument(KEYS[1], 'qcap', 'omax', 'ucap', 'imr')
if not inst then return refused('INSTRUMENT_UNKNOWN') end
local closed = market_refusal(inst, side, qty)
if closed then return closed end
local px, value, fee = price(inst, sign, qty)
-- The fuller a side is, the further its closes move the price: the more each must have behind it.
local interest = inst.so + qty + (sign > 0 and inst.q or 0)
local limit = math.max(1, math.min(leverage_limit(inst), floor_div(inst.qcap, interest)))
if not (lev >= 1 and lev <= limit and lev == math.floor(lev)) then
  return refused('LEVERAGE_INVALID', 'limit_leverage', text(limit))
end
if bound and sign * px > sign * bound then
  return refused('PRICE_BOUND_EXCEEDED', 'quoted_px', text(px))
end

inst.q = inst.q + sign * qty
if sign < 0 then inst.so = inst.so + qty end
advance(inst, tonumber(now_ms))
local margin = -floor_div(-value, lev)
local pos = {
  id = id, uid = uid, side = side, otick = inst.tid, ctick = inst.tid, cat = '', why = '',
  idx = tonumber(idx), qty0 = qty, qty = qty, lev = lev, entry = px, oval = value, margin = margin,
  sl = tonumber(ARGV[12]), tp = tonumber(ARGV[13]), trail = tonumber(ARGV[14]),
  os = inst.seq, cs = inst.seq, fees = fee, rpnl = 0, no = 0, warn = 0, at = tonumber(now_ms),
  v = 0, sign = sign, best = ARGV[14] ~= '' and (sign > 0 and inst.bid or inst.ask) or nil,
}
pos.liq = liquidation_px(pos)
local bad = stops_refusal(pos, inst)
if bad then return bad end
if sign * inst.mark <= sign * pos.liq then
  return refused('INSUFFICIENT_MARGIN', 'liquidation_px', text(pos.liq))
end

local wallet, treasury = load_wallet(KEYS[2], own, own > 0 and 1 or 0), load_wallet(KEYS[3])
local full = positions_refusal(wallet, KEYS[12])
if full then return full end
local has = redis.call('HMGET', KEYS[4], idx, 'l:' .. idx, 's:' .. idx)
local held = tonumber(has[3] or '0')
if sign > 0 then held = tonumber(has[1] or '0') + tonumber(has[2] or '0') end
if held + qty > inst.ucap then
  return refused('POSITION_LIMIT_EXCEEDED', 'limit_qty', text(inst.ucap), 'held_qty', text(held))
end
local waits = ARGV[15] == '1' and in_play(inst)
local needed = waits and reserve(margin + fee) or margin + fee
local lacking = money_refusal(wallet, needed, 'INSUFFICIENT_MARGIN')
if lacking then return lacking end
if not move(pos, wallet, treasury, -margin - fee, margin) then
  return refused('AMOUNT_LIMIT_EXCEEDED')
end
if waits then return {'delayed', text(needed)} end
local outcome = record({
  'k', 'open', 'event', id, 'tqty', text(qty), 'px', text(px), 'val', text(value),
  'fee', text(fee), 'pnl', '0', 'loss', '0', 'dm', text(margin), 'by', 'client', 'reason', '',
  'ttick', '', 'tquote', '', 'tlevel', '', 'tf', '', 'approx', '0',
  'idem', idem, 'fp', fingerprint, 'coid', coid, 'ms', now_ms,
}, {inst = inst, wallet = wallet, treasury = treasury, pos = pos, grown = qty, why = 'cfd',
  name = 'position_opened'})
remember(KEYS[21], fingerprint, outcome[3], KEYS[22], id)
return outcome
