-- presence_join: a user has a connection at this replica; publish if nobody had one before.
--
-- The user may have been away since the last heartbeat of a dead replica: last_seen goes back to
-- it, and that is a return too.
--
-- KEYS  1 ws:presence:{uid}   2 ws:replicas   hashes; see presence.lua
--       3 ws:users:{replica}  set     users of this replica
--       4 last_seen:{uid}     string  calendar ms since when the user's absence is unseen
--       5 ws:returns          hash    user -> stamp of a return that nobody has looked after
-- ARGV  1 user   2 replica   3 number of this message   4 number of the newest known to be
--       carried out   5 age (Redis ms) of a dead replica   6 seconds that last_seen is kept
--       7 channel for returns   8 now (calendar ms)
-- Returns {"ok", 1 if published else 0} or {"refused", "anew"}: this replica has to beat first

local presence, replicas, users, last_seen, returns = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local user, replica, number, heard = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local dead_ms, keep_s, channel, joined_ms = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]

if not in_order(replicas, replica, number, heard) then return {'refused', 'anew'} end

local now = now_ms()
local since, live = sift(presence, replicas, dead_ms, now)
if since then lower(last_seen, since, keep_s) end
-- One that is there already has been there since: this is told again.
redis.call('HSETNX', presence, replica, text(now) .. ':' .. joined_ms)
redis.call('SADD', users, user)
if live and not since then return {'ok', 0} end
returned(returns, user, channel)
return {'ok', 1}
