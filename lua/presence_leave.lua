-- presence_leave: a user's last connection at this replica ended.
--
-- Removes this replica even if it was dropped already. If no live replica has the user,
-- last_seen notes since when; if a live one has and a dead one was dropped, the user may have
-- been away in between: that is published, so that the time in between is looked at.
--
-- KEYS  1 ws:presence:{uid}  hash  replica -> calendar ms of joining
--       2 ws:replicas        hash  replica -> "<Redis ms>:<calendar ms>" of its last heartbeat
--       3 ws:users:{replica} set   users of this replica
--       4 last_seen:{uid}    string  calendar ms since when the user's absence is unseen
-- ARGV  1 user   2 replica   3 instant of leaving (calendar ms)   4 age (Redis ms) of a dead
--       replica   5 seconds that last_seen is kept   6 channel for returns
-- Returns {"ok", 1 if the user is now gone from all replicas else 0}

local presence, replicas, users, last_seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local user, replica, left_ms, dead_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local keep_s, channel = ARGV[5], ARGV[6]

local time = redis.call('TIME')
local redis_ms = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('SREM', users, user)
redis.call('HDEL', presence, replica)

local alive, dropped, away_since = false, false, left_ms
local fields = redis.call('HGETALL', presence)
for i = 1, #fields, 2 do
  local other, joined_ms = fields[i], tonumber(fields[i + 1])
  local beat = redis.call('HGET', replicas, other) or ('0:' .. joined_ms)
  local other_redis_ms, other_ms = string.match(beat, '^(%d+):(%d+)$')
  if redis_ms - tonumber(other_redis_ms) > dead_ms then
    redis.call('HDEL', presence, other)
    dropped = true
    away_since = math.min(away_since, tonumber(other_ms))
  else
    alive = true
  end
end
if alive and not dropped then return {'ok', 0} end

local seen = math.min(away_since, tonumber(redis.call('GET', last_seen)) or away_since)
redis.call('SET', last_seen, string.format('%.0f', seen), 'EX', keep_s)
if alive then redis.call('PUBLISH', channel, user) end
return {'ok', alive and 0 or 1}
