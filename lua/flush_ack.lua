-- flush_ack: forget that members are dirty, unless they changed after they were read.
--
-- KEYS  1 dirty:{state}   2... the hash of each member
-- ARGV  three per member: member, field with its version, version that reached Postgres
-- Returns how many were removed from the set
-- Caller: store/scripts.py; tested in tests/lua/test_flush_ack.py

local level = {}
for i = 2, #KEYS do
  local at = 3 * (i - 2)
  local member, field, flushed = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if (redis.call('HGET', KEYS[i], field) or '0') == flushed then level[#level + 1] = member end
end
if #level == 0 then return 0 end
-- All at once: each SREM is a line of its own in the log that Redis keeps of what it does.
return redis.call('SREM', KEYS[1], unpack(level))
