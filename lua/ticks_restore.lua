-- ticks_restore: append the ticks that stand in for lost ones, unless the stream has gone on.
--
-- KEYS  1 ticks:{idx}
-- ARGV  1 id of its last tick, '0-0' if it has none   2 how many values of each tick follow
--       3... of each tick its id, then fields and values
-- Returns how many were appended, 0 if another tick is the last by now
-- Caller: store/stand_ins.py; tested in tests/store/test_stand_ins.py

local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if (last and last[1] or '0-0') ~= ARGV[1] then return 0 end
local width = tonumber(ARGV[2])
redis.call('PERSIST', KEYS[1]) -- however full Redis is; see even_if_full() in kernel.lua
for at = 3, #ARGV, width do
  redis.call('XADD', KEYS[1], unpack(ARGV, at, at + width - 1))
end
return (#ARGV - 2) / width
