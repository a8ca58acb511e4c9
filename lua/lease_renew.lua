-- lease_renew: take a free lease, or renew the one we hold.
--
-- KEYS  1 lease:{name}        string  owner
--       2 lease:{name}:token  string  count of acquisitions
-- ARGV  1 owner   2 time to live (ms)
-- Returns the fencing token (1 and up, higher for every new acquisition), or 0 if another holds it
-- Caller: store/lease.py

local owner, ttl_ms = ARGV[1], ARGV[2]
local holder = redis.call('GET', KEYS[1])

if holder == owner then
  redis.call('PEXPIRE', KEYS[1], ttl_ms)
  return tonumber(redis.call('GET', KEYS[2]))
end
if holder then
  return 0
end

redis.call('PERSIST', KEYS[2]) -- so that no full Redis keeps it from us; see kernel.lua
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], owner, 'PX', ttl_ms)
return token
