-- replay_take: take on what a user who is back has missed, so that one does it and none forgets.
--
-- Nothing is taken away by that but a return that needs no more: whoever dies at it, leaves it to
-- the next once the lock has expired.
--
-- KEYS  1 ws:returns        hash    user -> stamp of the newest return nobody has looked after
--       2 ws:presence:{uid} hash    where the user is
--       3 open:user:{uid}   set     open positions
--       4 last_seen:{uid}   string  calendar ms since when the user's absence is unseen
--       5 lock:replay:{uid} string  who is at it, and the stamp of what
--       6 replayed:{uid}    list    closes by replays that none has told of: who did, has died
-- ARGV  1 user   2 who takes it on   3 ms for which it is then theirs; 0 only looks
-- Returns {"ok", stamp, last_seen or ''}, or {"refused", why}: "elsewhere" it is done or under way,
--         the user is "gone" again, "nothing" is open or
--         was closed, or it is "open" to be taken

local returns, presence, positions, last_seen, lock = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local closes = KEYS[6]
local user, owner, theirs_ms = ARGV[1], ARGV[2], ARGV[3]

local stamp = redis.call('HGET', returns, user)
if not stamp then return refused('elsewhere') end
if redis.call('HLEN', presence) == 0 then
  redis.call('HDEL', returns, user) -- and the next return counts from last_seen as well
  return refused('gone')
end
if redis.call('EXISTS', positions, closes) == 0 then
  redis.call('HDEL', returns, user)
  redis.call('DEL', last_seen)
  return refused('nothing')
end
-- Our own too: what it was that ended us at it, could end us again and again.
if redis.call('EXISTS', lock) == 1 then return refused('elsewhere') end
if theirs_ms == '0' then return refused('open') end

even_if_full(returns)
redis.call('SET', lock, owner .. ' ' .. stamp, 'PX', theirs_ms)
return {'ok', stamp, redis.call('GET', last_seen) or ''}
