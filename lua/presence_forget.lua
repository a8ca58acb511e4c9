-- presence_forget: remove a dead replica's heartbeat once none of its users is left.
--
-- KEYS  1 ws:replicas        hash; see presence.lua
--       2 ws:users:{dead}    set   users of the dead replica
-- ARGV  1 the dead replica   2 age (Redis ms) from which a replica counts as dead
-- Returns {"ok"} or {"refused", "alive" | "users"}

local replicas, users = KEYS[1], KEYS[2]
local dead, dead_ms = ARGV[1], tonumber(ARGV[2])

if now_ms() - beat_of(replicas, dead) <= dead_ms then return {'refused', 'alive'} end
if redis.call('SCARD', users) > 0 then return {'refused', 'users'} end

redis.call('HDEL', replicas, dead)
return {'ok'}
