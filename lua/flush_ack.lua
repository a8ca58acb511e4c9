-- flush_ack: forget that members are dirty, unless they changed after they were read.
--
-- KEYS  1 dirty:{state}   2... the hash of each member
-- ARGV  three per member: member, field with its version, version that reached Postgres
-- Returns how many were removed from the set
-- Caller: store/scripts.py; tested in tests/lua/test_flush_ack.py

local removed = 0
for i = 2, #KEYS do
  local at = 3 * (i - 2)
  local member, field, flushed = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if (redis.call('HGET', KEYS[i], field) or '0') == flushed then
    removed = removed + redis.call('SREM', KEYS[1], member)
  end
end
return removed
