-- presence_beat: say that this replica lives, and learn whether the others noticed a pause.
--
-- KEYS  1 ws:replicas  hash  replica -> "<Redis ms>:<calendar ms>" of its last heartbeat
-- ARGV  1 replica   2 now (calendar ms)   3 age (Redis ms) from which a replica counts as dead
-- Returns {"ok"}, or {"refused", "reaped"} if this replica was unknown or counted as dead:
--         its users may have been dropped meanwhile and have to join again.

local replicas = KEYS[1]
local replica, now_ms, dead_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])

local time = redis.call('TIME')
local redis_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('HGET', replicas, replica)

redis.call('PERSIST', replicas) -- so that a full Redis hears it too; see kernel.lua
redis.call('HSET', replicas, replica, string.format('%.0f', redis_ms) .. ':' .. now_ms)
if before and redis_ms - tonumber(string.match(before, '^%d+')) <= dead_ms then
  return {'ok'}
end
return {'refused', 'reaped'}
