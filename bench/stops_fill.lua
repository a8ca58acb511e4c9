-- Opens many positions at once, for bench/stops.py: copies of one, by turns for many users.
-- KEYS  those of lua/positions.lua for the first of them
-- ARGV  1 how many   2 number of the first   3 how many users   4 prefix of the ids
--       5 prefix of the keys of positions   6... fields and values of the position they copy
local count, first, users = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local pos = {}
for i = 6, #ARGV, 2 do pos[ARGV[i]] = ARGV[i + 1] end
for _, field in ipairs(POSITION_FIELDS) do
  if not POSITION_TEXTS[field] then pos[field] = tonumber(pos[field]) end
end
pos.sign = pos.side == 'long' and 1 or -1
local stop, gain, loss, relief = levels(pos)
local long = pos.sign > 0
local filed = long and {[14] = stop, [15] = gain, [18] = loss, [19] = relief}
  or {[17] = stop, [16] = gain, [19] = loss, [18] = relief}
for n = first, first + count - 1 do
  pos.id = ARGV[4] .. string.format('%012d', n)
  pos.uid = string.format('%.0f', 1 + n % users)
  redis.call('HSET', ARGV[5] .. pos.id, unpack(spell_position(pos)))
  for key, px in pairs(filed) do redis.call('ZADD', KEYS[key], text(px), pos.id) end
  redis.call('SADD', 'open:user:' .. pos.uid, pos.id)
  redis.call('SADD', KEYS[13], pos.id)
  redis.call('HINCRBY', 'hold:' .. pos.uid, (long and 'l:' or 's:') .. text(pos.idx), text(pos.qty))
  redis.call('HINCRBY', 'wallet:' .. pos.uid, 'locked', text(pos.margin))
end
return count
