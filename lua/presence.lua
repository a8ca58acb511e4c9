-- presence: heartbeats of replicas and who is where, for the scripts it is put before.
--
-- KEYS and ARGV are those of the script that follows; functions here get the keys they use.
-- ws:replicas        replica -> "<Redis ms>:<calendar ms>:<number>": when it last said that it
--                    lives; up to when it had told all by then; the newest of its messages that
--                    was carried out, or 0 once the others have acted on its silence
-- ws:presence:{uid}  replica -> "<Redis ms>:<calendar ms>" of joining

local function text(n) return string.format('%.0f', n) end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Of a replica's heartbeat Redis ms, calendar ms and number: 0, nil and 0 if it has none.
local function beat_of(replicas, name)
  local beat = redis.call('HGET', replicas, name) or ''
  local at, told, number = string.match(beat, '^(%d+):(%d+):(%d+)$')
  return tonumber(at or 0), tonumber(told), tonumber(number or 0)
end

local function put_beat(replicas, name, at, told, number)
  redis.call('HSET', replicas, name, text(at) .. ':' .. text(told) .. ':' .. text(number))
end

-- Whether message `number` may be carried out of a replica that knows of `heard` that it was. Not
-- if a later one was: it was held up on its way. Not if Redis knows less: it has lost something,
-- or others have taken users off the replica. Then that one has to say anew who is where.
local function in_order(replicas, name, number, heard)
  local at, told, newest = beat_of(replicas, name)
  if newest < heard or number < newest then return false end
  redis.call('PERSIST', replicas) -- so that a full Redis takes it too; see kernel.lua
  if told and newest < number then put_beat(replicas, name, at, told, number) end
  return true
end

-- Takes a user off a replica that is dead, or is thought so: then it has to say anew who is there.
local function drop(presence, replicas, name)
  local at, told = beat_of(replicas, name)
  if told then put_beat(replicas, name, at, told, 0) end
  return redis.call('HDEL', presence, name) == 1
end

-- Drops the dead off a user. Returns since when (calendar ms) the user may have been away because
-- of them, or nil; whether any replica is left; and whether one of those had the user `at` Redis ms.
local function sift(presence, replicas, dead_ms, at)
  local now, since, live, there = now_ms(), nil, false, false
  local fields = redis.call('HGETALL', presence)
  for i = 1, #fields, 2 do
    local joined_at, joined_ms = string.match(fields[i + 1], '^(%d+):(%d+)$')
    local beat_at, told = beat_of(replicas, fields[i])
    if now - beat_at > dead_ms then
      drop(presence, replicas, fields[i])
      told = told or tonumber(joined_ms)
      since = math.min(since or told, told)
    else
      live, there = true, there or tonumber(joined_at) <= at
    end
  end
  return since, live, there
end

local function lower(last_seen, since, keep_s)
  local seen = math.min(since, tonumber(redis.call('GET', last_seen)) or since)
  redis.call('SET', last_seen, text(seen), 'EX', keep_s)
end

-- Tells that a user is back: whoever does not hear it finds it noted, under a stamp of its own.
local function returned(returns, user, channel)
  local time = redis.call('TIME')
  redis.call('HSET', returns, user, string.format('%d%06d', time[1], time[2]))
  redis.call('PUBLISH', channel, user)
end
