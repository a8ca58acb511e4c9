-- presence_leave: a user's last connection at this replica ended; removes even what is not there.
--
-- The user may be away from then on, unless a live replica had the user by then. One that has the
-- user only since makes it an absence that is over: last_seen notes its beginning, and it is a
-- return. This may be told long after it happened, and after the user has come to another replica.
--
-- KEYS  1 ws:presence:{uid}   2 ws:replicas   hashes; see presence.lua
--       3 ws:users:{replica}  set     users of this replica
--       4 last_seen:{uid}     string  calendar ms since when the user's absence is unseen
--       5 ws:returns          hash    user -> stamp of a return that nobody has looked after
-- ARGV  1 user   2 replica   3 number of this message   4 number of the newest known to be
--       carried out   5 age (Redis ms) of a dead replica   6 seconds that last_seen is kept
--       7 channel for returns   8 and 9 instant of leaving (calendar ms, Redis ms at the latest)
-- Returns {"ok", 1 if published else 0} or {"refused", "anew"}: this replica has to beat first

local presence, replicas, users, last_seen, returns = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local user, replica, number, heard = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local dead_ms, keep_s, channel = tonumber(ARGV[5]), ARGV[6], ARGV[7]
local left_ms, left_at = tonumber(ARGV[8]), tonumber(ARGV[9])

if not in_order(replicas, replica, number, heard) then return {'refused', 'anew'} end

redis.call('SREM', users, user)
redis.call('HDEL', presence, replica)
local since, live, there = sift(presence, replicas, dead_ms, left_at)
if there and not since then return {'ok', 0} end

lower(last_seen, math.min(left_ms, since or left_ms), keep_s)
if not live then return {'ok', 0} end
returned(returns, user, channel)
return {'ok', 1}
