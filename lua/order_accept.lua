-- order_accept: file an order that waits in play, once per idempotency key.
--
-- KEYS  1 idem:{uid}:{key}   2 order:{id}   3 pending:orders   4 pending:{uid}
--       5 trade_outbox   6 pfseq:{uid}   7 inst:{idx}   8 wallet:{uid}   9 open:user:{uid}
--      10 wallet:0   11 pushes:{uid}   12 coid:{uid}:{id} if it has one
-- ARGV  1 order id   2 uid   3 fingerprint   4 release (calendar ms)   5 what it sets aside
--       (1e-4 coin)   6 positions it sets aside, 0 or 1   7... its fact, fields and values
-- Returns {"ok", stream id, fact} | {"replayed", fact} | {"refused", code, name, value, ...};
--         a fact is the stream entry as a JSON array of fields and values
-- Twin: domain/orders.py accept(); compared in tests/lua/test_order_twin.py

local PENDING_MAX = 50
local id, uid, fingerprint, release_ms = unpack(ARGV, 1, 4)
local amount, slots = tonumber(ARGV[5]), tonumber(ARGV[6])

local before = known(KEYS[1], fingerprint, KEYS[12])
if before then return before end
local symbol = redis.call('HGET', KEYS[7], 'sym')
if not symbol then return refused('INSTRUMENT_UNKNOWN') end
if redis.call('SCARD', KEYS[4]) >= PENDING_MAX then return refused('TOO_MANY_PENDING_ORDERS') end
-- Another order may have come between this one's price and now.
local wallet = load_wallet(KEYS[8])
local lacking = slots > 0 and positions_refusal(wallet, KEYS[9])
  or money_refusal(wallet, amount, slots > 0 and 'INSUFFICIENT_MARGIN' or 'INSUFFICIENT_FUNDS')
if lacking then return lacking end

local fact = {'turn', record_turn(KEYS[10]), unpack(ARGV, 7)}
local res = cjson.encode(fact)
if amount == 0 then even_if_full(KEYS[7]) end -- a sale or a close
local entry_id = redis.call('XADD', KEYS[5], '*', 'fact', res)
redis.call('HINCRBY', KEYS[10], 'rec', 1)
redis.call('HSET', KEYS[2], unpack(ARGV, 7))
redis.call('ZADD', KEYS[3], release_ms, id)
redis.call('SADD', KEYS[4], id)
set_aside(KEYS[8], amount, slots)
remember(KEYS[1], fingerprint, res, KEYS[12], id)
push(uid, KEYS[6], KEYS[11], 'order_pending', '{"sym":"' .. symbol .. '","fact":' .. res .. '}')
return {'ok', entry_id, res}
