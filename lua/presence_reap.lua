-- presence_reap: take one user off a replica that stopped beating.
--
-- KEYS  1 ws:presence:{uid}  hash  replica -> calendar ms of joining
--       2 ws:replicas        hash  replica -> "<Redis ms>:<calendar ms>" of its last heartbeat
--       3 ws:users:{dead}    set   users of the dead replica
--       4 last_seen:{uid}    string  calendar ms since when the user's absence is unseen
-- ARGV  1 user   2 the dead replica   3 age (Redis ms) from which a replica counts as dead
--       4 seconds that last_seen is kept   5 channel for returns
-- Returns {"ok", 1 if the user had been at that replica else 0}
--         or {"refused", "alive"}: the replica beats again and nothing was changed

local presence, replicas, users, last_seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local user, dead, dead_ms, keep_s, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]

local time = redis.call('TIME')
local redis_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local joined_ms = redis.call('HGET', presence, dead)
local beat = redis.call('HGET', replicas, dead) or ('0:' .. (joined_ms or '0'))
local beat_redis_ms, beat_ms = string.match(beat, '^(%d+):(%d+)$')
if redis_ms - tonumber(beat_redis_ms) <= dead_ms then return {'refused', 'alive'} end

redis.call('SREM', users, user)
if redis.call('HDEL', presence, dead) == 0 then return {'ok', 0} end

local away_since = tonumber(beat_ms)
local seen = math.min(away_since, tonumber(redis.call('GET', last_seen)) or away_since)
redis.call('SET', last_seen, string.format('%.0f', seen), 'EX', keep_s)
-- Online elsewhere: whether there was a gap in between is for the listener to find out.
if redis.call('HLEN', presence) > 0 then redis.call('PUBLISH', channel, user) end
return {'ok', 1}
