-- portfolio_remind: tell a user whose portfolio is followed from now on what waited for that.
--
-- KEYS  1 pfseq:{uid}   2 replay:{uid}   string  the data that waits
--       3 pushes:{uid}
-- ARGV  1 uid   2 event
-- Returns 1 if there was something, 0 if not
-- Caller: store/reconnects.py; tested in tests/store/test_reconnects.py

local data = redis.call('GET', KEYS[2])
if not data then return 0 end
redis.call('DEL', KEYS[2])
push(ARGV[1], KEYS[1], KEYS[3], ARGV[2], data)
return 1
