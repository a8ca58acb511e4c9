-- order_done: close the record of an order that waited, once: it was filled, or it is rejected.
--
-- KEYS  1 order:{id}   2 idem:{uid}:order:{id}   3 pending:orders   4 pending:{uid}
--       5 trade_outbox   6 pfseq:{uid}   7 inst:{idx}   8 wallet:{uid}   9 wallet:0
--      10 pushes:{uid}
-- ARGV  1 order id   2 uid   3 now (calendar ms)
--       4 code of the refusal, or '' if it was filled   5 the refusal's details (JSON)
-- Returns {"ok", its status} or {"refused", "SETTLED"} if it is not waiting
-- Twin: domain/orders.py done(); compared in tests/lua/test_order_twin.py

local RECORD_KEPT_S = 3600 -- by then Postgres has long known
local KEPT_S = 86400 -- as any idempotency key, from here on
local id, uid, now_ms, code, details = unpack(ARGV, 1, 5)

redis.call('ZREM', KEYS[3], id)
redis.call('SREM', KEYS[4], id)
local fact = redis.call('HGETALL', KEYS[1])
local traded, rejected = redis.call('EXISTS', KEYS[2]) == 1, code ~= ''
-- Another releaser may have been told something else, and have carried it out.
if rejected and traded then rejected, code, details = false, '', '' end
local after = {st = rejected and 'rejected' or 'filled', done = now_ms, code = code, det = details}
local waiting = false
for i = 1, #fact, 2 do
  waiting = waiting or (fact[i] == 'st' and fact[i + 1] == 'pending')
  fact[i + 1] = after[fact[i]] or fact[i + 1]
end
if not waiting then return refused('SETTLED') end
local aside = redis.call('HMGET', KEYS[1], 'rsv', 'kind')
local amount = tonumber(aside[1] or '0')

local turn = record_turn(KEYS[9])
redis.call('XADD', KEYS[5], '*', 'fact', cjson.encode({'turn', turn, unpack(fact)}))
redis.call('HINCRBY', KEYS[9], 'rec', 1)
redis.call('HSET', KEYS[1], unpack(fact))
redis.call('EXPIRE', KEYS[1], RECORD_KEPT_S)
-- What it was carried out as has given it back already, so that those behind it could use it.
if not traded then set_aside(KEYS[8], -amount, amount > 0 and aside[2] == 'open' and -1 or 0) end
redis.call('EXPIRE', KEYS[2], KEPT_S)
if rejected then
  local symbol = redis.call('HGET', KEYS[7], 'sym')
  local data = '{"sym":"' .. symbol .. '","fact":' .. cjson.encode(fact) .. '}'
  push(uid, KEYS[6], KEYS[10], 'order_rejected', data)
end
return {'ok', after.st}
