-- portfolio_push: tell a user what no change of their portfolio tells; if nobody hears, keep it.
--
-- KEYS  1 pfseq:{uid}   2 replay:{uid}   string  what waits for somebody to tell
--       3 pushes:{uid}
-- ARGV  1 uid   2 event   3 its data, a JSON object
-- Returns 1 if it was heard, 0 if it waits
-- Caller: store/reconnects.py; tested in tests/store/test_reconnects.py

local KEPT_S = 600 -- real seconds: a client that comes back follows its portfolio at once, or never

even_if_full(KEYS[1])
if push(ARGV[1], KEYS[1], KEYS[3], ARGV[2], ARGV[3]) > 0 then return 1 end
redis.call('RPOP', KEYS[3]) -- it will be told under another number, and must not be told twice
redis.call('SET', KEYS[2], ARGV[3], 'EX', KEPT_S)
return 0
