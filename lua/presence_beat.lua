-- presence_beat: say that this replica lives, and up to when it has told all it has seen.
--
-- KEYS  1 ws:replicas  hash; see presence.lua
-- ARGV  1 replica   2 number of this message   3 number of the newest known to be carried out
--       4 instant (calendar ms) up to which all is told
-- Returns {"ok", now (Redis ms)}, or {"refused", "anew"} and nothing is changed: what this replica
--         has told is lost, or others have acted on its silence. It beats with a 0 for ARGV 3 when
--         it has noted to tell everything again, and not before: this answer may be lost as well.

local replicas = KEYS[1]
local replica, number, heard = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local told = tonumber(ARGV[4])

if not in_order(replicas, replica, number, heard) then return {'refused', 'anew'} end

local now = now_ms()
put_beat(replicas, replica, now, told, number)
return {'ok', text(now)}
