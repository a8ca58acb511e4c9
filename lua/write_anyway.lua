-- write_anyway: one command that writes, carried out however full Redis is.
--
-- KEYS  1 what it writes to; it keeps no time to live but one that the command gives it
-- ARGV  1 the command's name   2... what follows the key
-- Returns what the command does
-- Caller: store/anyway.py; tested in tests/store/test_full_redis.py, test_full_restart.py

redis.call('PERSIST', KEYS[1]) -- see even_if_full() in kernel.lua
return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))
