-- trade_execute: buy shares from the house or sell them back, once per idempotency key.
--
-- KEYS  1 inst:{idx}    2 wallet:{uid}   3 wallet:0   4 hold:{uid}   5 idem:{uid}:{key}
--       6 ticks:{idx}   7 trade_outbox   8 pfseq:{uid}
--       9 dirty:instruments   10 dirty:wallets   11 dirty:holdings   12 pushes:{uid}
--      13 coid:{uid}:{id} or order:{id}
-- ARGV  1 trade id   2 uid   3 idx   4 side   5 idempotency key   6 fingerprint
--       7 client order id (13's) or ''   8 quantity (1e-3 share)   9 bound (1e-4 coin, or '')
--      10 now (calendar ms)   11 '1' if an order waits in play   12 what it had set aside while it
--      did (1e-4 coin)   13 the amount it is for (1e-4 coin), or ''   14 '1' if purchases pause
-- Returns {"ok", stream id, fact} | {"replayed", fact} | {"refused", code, name, value, ...}
--         | {"delayed", what it has to set aside} if all that speaks against it is its wait;
--         a fact is the stream entry as a JSON array of fields and values
-- Twin: domain/trading.py execute(); compared in tests/lua/test_trade_twin.py

local id, uid, idx, side, idem, fingerprint, coid = unpack(ARGV, 1, 7)
local qty, bound, now_ms = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local sign = side == 'buy' and 1 or -1

local before = known(KEYS[5], fingerprint, KEYS[13]) or sign > 0 and paused(ARGV[14])
if before then return before end

local inst = load_instrument(KEYS[1], 'qcap', 'omax', 'ucap')
if not inst then return refused('INSTRUMENT_UNKNOWN') end
local closed = market_refusal(inst, side, qty)
if closed then return closed end
local px, value, fee = price(inst, sign, qty)
if bound and sign * px > sign * bound then
  return refused('PRICE_BOUND_EXCEEDED', 'quoted_px', text(px))
end

local waits = ARGV[11] == '1' and in_play(inst)
local wallet, treasury = load_wallet(KEYS[2], tonumber(ARGV[12])), load_wallet(KEYS[3])
local held = redis.call('HMGET', KEYS[4], idx, 'c:' .. idx, 'v:' .. idx, 'l:' .. idx)
local hqty, hcost = tonumber(held[1] or '0'), tonumber(held[2] or '0')
local paid, realized, aside = sign * value + fee, 0, 0
if sign > 0 then
  local long = hqty + tonumber(held[4] or '0')
  if long + qty > inst.ucap then
    return refused('POSITION_LIMIT_EXCEEDED', 'limit_qty', text(inst.ucap), 'held_qty', text(long))
  end
  if waits then aside = tonumber(ARGV[13]) or reserve(paid) end
  local lacking = money_refusal(wallet, math.max(paid, aside), 'INSUFFICIENT_FUNDS')
  if lacking then return lacking end
  hqty, hcost = hqty + qty, hcost + value
else
  if qty > hqty then return refused('INSUFFICIENT_SHARES', 'available_qty', text(hqty)) end
  local sold_cost = mul_div(hcost, qty, hqty)
  hqty, hcost, realized = hqty - qty, hcost - sold_cost, value - sold_cost
end
if not (move_cash(wallet, -paid) and move_cash(treasury, paid)) then
  return refused('AMOUNT_LIMIT_EXCEEDED')
end
if waits then return {'delayed', text(aside)} end
inst.q = inst.q + sign * qty
advance(inst, now_ms)

local hv = text(tonumber(held[3] or '0') + 1)
local fact = {
  'k', 'trade', 'id', id, 'uid', uid, 'idx', idx, 'side', side, 'qty', text(qty), 'px', text(px),
  'val', text(value), 'fee', text(fee), 'rpnl', text(realized), 'seq', text(inst.seq),
  'tick', inst.tid, 'idem', idem, 'fp', fingerprint, 'coid', coid, 'at', text(now_ms),
  'cash', text(wallet.cash), 'locked', text(wallet.locked), 'wv', text(wallet.v),
  'tcash', text(treasury.cash), 'tv', text(treasury.v), 'turn', turn(treasury),
  'hqty', text(hqty), 'hcost', text(hcost), 'hv', hv, 'q', text(inst.q), 'iv', text(inst.v),
}
local res = cjson.encode(fact)
-- The fact first: an error here, such as a full memory, comes before any state has changed.
if sign < 0 or wallet.own > 0 then even_if_full(KEYS[1]) end
local entry_id = redis.call('XADD', KEYS[7], '*', 'fact', res)
save_tick(inst, idx, KEYS[1], KEYS[6], 'trade')
save_wallet(KEYS[2], wallet)
save_wallet(KEYS[3], treasury)
redis.call('HSET', KEYS[4], idx, text(hqty), 'c:' .. idx, text(hcost), 'v:' .. idx, hv)
redis.call('SADD', KEYS[9], idx)
redis.call('SADD', KEYS[10], uid, '0')
redis.call('SADD', KEYS[11], uid .. ':' .. idx)
remember(KEYS[5], fingerprint, res, KEYS[13], id)
push(uid, KEYS[8], KEYS[12], 'fill', '{"sym":"' .. inst.sym .. '","fact":' .. res .. '}')
return {'ok', entry_id, res}
