-- replay_tell: tell what came of a replay, and be done with the return it was for.
--
-- It waits for the first server that has somebody to show it to: see portfolio_remind. A message
-- alone would be lost with one that stands still, or whose client has no snapshot yet.
--
-- KEYS  1 ws:returns        hash    user -> stamp of the newest return nobody has looked after
--       2 ws:presence:{uid} hash    where the user is
--       3 last_seen:{uid}   string  calendar ms since when the user's absence is unseen
--       4 lock:replay:{uid} string  who is at it, and the stamp of what
--       5 replay:{uid}      list    replays that nobody has been shown, oldest first
--       6 replayed:{uid}    list    closes by replays that none has told of
-- ARGV  1 user   2 who has taken it on   3 stamp of the return   4 data, a JSON object
--       5 ms until the next   6 channel of the user's portfolio   7 message there
--       8 how many closes it tells of, the oldest
-- Returns {"ok"}, or {"refused", "elsewhere"}: it took too long and is somebody else's now, or it was
--         held up on its way

local returns, presence, last_seen, lock, replays = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local closes = KEYS[6]
local user, owner, stamp, data, rest_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local channel, message, told = ARGV[6], ARGV[7], ARGV[8]

local KEPT_S = 600 -- real seconds: a client that comes back follows its portfolio at once, or never
local KEPT = 20 -- replays of a user who comes and goes and follows nothing

if redis.call('GET', lock) ~= owner .. ' ' .. stamp then return refused('elsewhere') end

even_if_full(returns)
redis.call('RPUSH', replays, data)
redis.call('LTRIM', replays, -KEPT, -1)
redis.call('EXPIRE', replays, KEPT_S)
redis.call('LTRIM', closes, told, -1)
-- Else the user has been away again meanwhile, or is: last_seen is older then than need be, for the
-- next replay to begin with.
if redis.call('HGET', returns, user) == stamp and redis.call('HLEN', presence) > 0 then
  redis.call('HDEL', returns, user)
  redis.call('DEL', last_seen)
end
redis.call('SET', lock, 'rests', 'PX', rest_ms)
redis.call('PUBLISH', channel, message)
return {'ok'}
