-- presence_join: a user has a connection at this replica; publish if nobody had one before.
--
-- Fields of dead replicas are dropped on the way: the user may have been away since the last
-- heartbeat of such a replica, so last_seen goes back to it and the return is published.
--
-- KEYS  1 ws:presence:{uid}  hash  replica -> calendar ms of joining
--       2 ws:replicas        hash  replica -> "<Redis ms>:<calendar ms>" of its last heartbeat
--       3 ws:users:{replica} set   users of this replica
--       4 last_seen:{uid}    string  calendar ms since when the user's absence is unseen
-- ARGV  1 user   2 replica   3 now (calendar ms)   4 age (Redis ms) of a dead replica
--       5 seconds that last_seen is kept   6 channel for returns
-- Returns {"ok", 1 if published else 0} or {"refused", "reaped"}: this replica counts as dead
--         itself and has to beat before it may say who is here.

local presence, replicas, users, last_seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local user, replica, now_ms, dead_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local keep_s, channel = ARGV[5], ARGV[6]

local time = redis.call('TIME')
local redis_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function beat_of(name)
  local beat = redis.call('HGET', replicas, name)
  if not beat then return 0, nil end
  local beat_redis_ms, beat_ms = string.match(beat, '^(%d+):(%d+)$')
  return tonumber(beat_redis_ms), tonumber(beat_ms)
end

if redis_ms - beat_of(replica) > dead_ms then return {'refused', 'reaped'} end

redis.call('PERSIST', replicas) -- so that a full Redis takes it too; see kernel.lua
local away_since = nil
local fields = redis.call('HGETALL', presence)
for i = 1, #fields, 2 do
  local other, joined_ms = fields[i], tonumber(fields[i + 1])
  local other_redis_ms, other_ms = beat_of(other)
  if other ~= replica and redis_ms - other_redis_ms > dead_ms then
    redis.call('HDEL', presence, other)
    away_since = math.min(away_since or other_ms or joined_ms, other_ms or joined_ms)
  end
end
if away_since then
  local seen = math.min(away_since, tonumber(redis.call('GET', last_seen)) or away_since)
  redis.call('SET', last_seen, string.format('%.0f', seen), 'EX', keep_s)
end

local returned = redis.call('HLEN', presence) == 0 or away_since ~= nil
redis.call('HSET', presence, replica, now_ms)
redis.call('SADD', users, user)
if returned then redis.call('PUBLISH', channel, user) end
return {'ok', returned and 1 or 0}
