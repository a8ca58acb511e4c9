-- reserved_restore: have a wallet tell what its user's orders set aside, unless they changed.
--
-- KEYS  1 wallet:{uid}   2 pending:{uid}
-- ARGV  1 and 2 rsv and rpos as they were found, '' if missing   3 and 4 as they are to be
--       5... the orders that were found waiting
-- Returns 1 if the wallet tells it now, 0 if something is another by now
-- Caller: store/reservations.py; tested in tests/store/test_reservations.py

local told = redis.call('HMGET', KEYS[1], 'rsv', 'rpos')
if (told[1] or '') ~= ARGV[1] or (told[2] or '') ~= ARGV[2] then return 0 end
-- Who files an order or closes its record changes these; who carries it out, the sums.
if redis.call('SCARD', KEYS[2]) ~= #ARGV - 4 then return 0 end
for i = 5, #ARGV do
  if redis.call('SISMEMBER', KEYS[2], ARGV[i]) == 0 then return 0 end
end
redis.call('PERSIST', KEYS[1]) -- however full Redis is; see even_if_full() in kernel.lua
redis.call('HSET', KEYS[1], 'rsv', ARGV[3], 'rpos', ARGV[4])
return 1
