-- presence_reap: take one user off a replica that stopped beating.
--
-- KEYS  1 ws:presence:{uid}   2 ws:replicas   hashes; see presence.lua
--       3 ws:users:{dead}     set     users of the dead replica
--       4 last_seen:{uid}     string  calendar ms since when the user's absence is unseen
--       5 ws:returns          hash    user -> stamp of a return that nobody has looked after
-- ARGV  1 user   2 the dead replica   3 age (Redis ms) from which a replica counts as dead
--       4 seconds that last_seen is kept   5 channel for returns
-- Returns {"ok", 1 if the user had been at that replica else 0}
--         or {"refused", "alive"}: the replica beats again and nothing was changed

local presence, replicas, users, last_seen, returns = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local user, dead, dead_ms, keep_s, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]

local beat_at, told = beat_of(replicas, dead)
if now_ms() - beat_at <= dead_ms then return {'refused', 'alive'} end

redis.call('SREM', users, user)
local joined = redis.call('HGET', presence, dead)
if not joined then return {'ok', 0} end

drop(presence, replicas, dead)
lower(last_seen, told or tonumber(string.match(joined, '%d+$')), keep_s)
-- Online elsewhere: whether there was a gap in between is for the listener to find out.
if redis.call('HLEN', presence) > 0 then returned(returns, user, channel) end
return {'ok', 1}
