-- left_behind_empty: take keys from a Redis that was left behind, unless it is no longer that one.
--
-- Who stood still between finding it and this, may find another's work: emptied, put back, and
-- traded in. So the look at the treasury is part of the deed.
--
-- KEYS  1 wallet:0   2... what is to go; the treasury itself may be among it
-- ARGV  1 the last complete life
-- Returns 1 if they are gone, 0 if the treasury is in that life or a later one, or has no version
-- Caller: store/left_behind.py; tested in tests/store/test_left_behind.py

local version = tonumber(redis.call('HGET', KEYS[1], 'v') or '')
if not version or version >= tonumber(ARGV[1]) * 4294967296 then return 0 end
redis.call('UNLINK', unpack(KEYS, 2))
return 1
