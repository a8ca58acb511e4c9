-- order_restore: have an order wait that Redis has lost, or not wait whose end it has not heard of,
-- unless that changed meanwhile.
--
-- KEYS  1 order:{id}   2 pending:orders   3 pending:{uid}   4 pfseq:{uid}   5 wallet:0
-- ARGV  1 order id   2 its status as it was found, '' if Redis had none   3 release (calendar ms)
--       4 how far the numbers of its owner's pushes are taken on
--       5 the life of Redis in which it is put back
--       6... its fields and values if it waits, nothing if it is done
-- Returns 1 if Redis was told, 0 if its status is another one by now, or a later life has begun
-- Caller: store/waiting.py; tested in tests/store/test_waiting.py

local id, found = ARGV[1], ARGV[2]
if (redis.call('HGET', KEYS[1], 'st') or '') ~= found then return 0 end
-- Who stood still since an earlier loss may know it waiting that was rejected since.
local treasury_v = tonumber(redis.call('HGET', KEYS[5], 'v') or '0')
if treasury_v >= (tonumber(ARGV[5]) + 1) * 4294967296 then return 0 end
if #ARGV > 5 then
  redis.call('PERSIST', KEYS[1]) -- however full Redis is; see even_if_full() in kernel.lua
  redis.call('HSET', KEYS[1], unpack(ARGV, 6))
  redis.call('ZADD', KEYS[2], ARGV[3], id)
  redis.call('SADD', KEYS[3], id)
else
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], id)
  redis.call('SREM', KEYS[3], id)
end
-- A push that told of it is lost as well, and its number must not be given again.
redis.call('INCRBY', KEYS[4], ARGV[4])
return 1
