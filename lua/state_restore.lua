-- state_restore: put back one state that this Redis has lost, unless it changed meanwhile.
--
-- KEYS  1 the state's hash   2 dirty:{state}
-- ARGV  1 member of the dirty set   2 field with the version   3 version it was found at
--       4... fields and values to set
-- Returns 1 if it was put back, 0 if its version is another one by now
-- Caller: store/lost.py; tested in tests/store/test_rehydrate.py

local member, version_field, found_at = ARGV[1], ARGV[2], ARGV[3]
if (redis.call('HGET', KEYS[1], version_field) or '0') ~= found_at then return 0 end
redis.call('PERSIST', KEYS[1]) -- however full Redis is; see even_if_full() in kernel.lua
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('SADD', KEYS[2], member)
return 1
