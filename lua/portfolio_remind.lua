-- portfolio_remind: tell a user whose portfolio is followed what waited for that.
--
-- KEYS  1 pfseq:{uid}   2 replay:{uid}   list  data that waits, oldest first   3 pushes:{uid}
-- ARGV  1 uid   2 event
-- Returns how much there was
-- Caller: store/reconnects.py; tested in tests/store/test_reconnects.py

local waiting = redis.call('LRANGE', KEYS[2], 0, -1)
redis.call('DEL', KEYS[2])
for _, data in ipairs(waiting) do
  even_if_full(KEYS[1])
  push(ARGV[1], KEYS[1], KEYS[3], ARGV[2], data)
end
return #waiting
