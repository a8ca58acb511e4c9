-- lease_renew: take a free lease, or renew the one we hold.
--
-- A token is given once, whatever Redis loses: it is the time, and the next number where clocks do
-- not move on. A count would begin again in a Redis that has lost it, and whoever had held the
-- lease before would take a term after somebody else's for the one they know.
--
-- KEYS  1 lease:{name}        string  owner
--       2 lease:{name}:token  string  the token of the newest acquisition
-- ARGV  1 owner   2 time to live (ms)
-- Returns {token, the one before}: the fencing token (1 and up, higher for every new acquisition),
--         or 0 if another holds it; and the newest there was when this was asked
-- Caller: store/lease.py

local owner, ttl_ms = ARGV[1], ARGV[2]
local holder = redis.call('GET', KEYS[1])
local before = tonumber(redis.call('GET', KEYS[2]) or 0)

if holder == owner and before > 0 then
  redis.call('PEXPIRE', KEYS[1], ttl_ms)
  return { before, before }
end
if holder and holder ~= owner then return { 0, before } end

local time = redis.call('TIME')
local token = math.max(before + 1, time[1] * 1000000 + time[2])
redis.call('PERSIST', KEYS[2]) -- so that no full Redis keeps it from us; see kernel.lua
redis.call('SET', KEYS[2], string.format('%.0f', token))
redis.call('SET', KEYS[1], owner, 'PX', ttl_ms)
return { token, before }
