-- stops_due: find the positions of one club that its next ticks concern, or pass those ticks.
--
-- KEYS  1 watch:{idx}   2 ticks:{idx}   3 lease:stop-watcher
--       4 trig:{idx}:bid_low   5 bid_high   6 ask_low   7 ask_high   8 mark_low   9 mark_high
-- ARGV  1 lease's owner   2 its token   3 most ticks to read
--       4 tick up to which every position concerned has been dealt with, or ''   5 its seq
-- Returns {"ok", ticks passed, "1" if there are more}
--         or {"due", id of the last tick, its seq, position ids...}: deal with them, come again
--         or {"refused", "FENCED"}
-- Caller: store/watch.py; tested in tests/lua/test_stops_due.py

if redis.call('GET', KEYS[3]) ~= ARGV[1] then return refused('FENCED') end

local function pass(id, seq)
  even_if_full(KEYS[1])
  redis.call('HSET', KEYS[1], 'id', id, 's', seq, 'epoch', ARGV[2])
end

if ARGV[4] ~= '' then
  local seq = redis.call('HGET', KEYS[1], 's')
  -- Two ticks that stand in for one candle have the same seq. And if Redis was put back meanwhile,
  -- another tick may have the number of a lost one.
  local there = #redis.call('XRANGE', KEYS[2], ARGV[4], ARGV[4]) > 0
  if there and (not seq or tonumber(ARGV[5]) >= tonumber(seq)) then pass(ARGV[4], ARGV[5]) end
end
local from = redis.call('HGET', KEYS[1], 'id')
local entries = redis.call('XRANGE', KEYS[2], from and '(' .. from or '-', '+', 'COUNT', ARGV[3])
if #entries == 0 then return {'ok', '0', '0'} end

-- The least and the greatest of bid, ask and mark over the ticks that count; see breaches.lua.
local least, greatest, last = {}, {}, nil
for _, entry in ipairs(entries) do
  last = {}
  for i = 1, #entry[2], 2 do last[entry[2][i]] = entry[2][i + 1] end
  if tonumber(last.h) % 16 == 0 then
    for n, name in ipairs({'b', 'a', 'm'}) do
      local px = tonumber(last[name])
      least[n] = math.min(least[n] or px, px)
      greatest[n] = math.max(greatest[n] or px, px)
    end
  end
end

-- A candle's low and high have the same seq: one is not the other; see domain/scanning.py.
if last.w == 'candle' then last.s = text(tonumber(last.s) - 1) end
local due, seen = {'due', entries[#entries][1], last.s}, {}
local function add(ids)
  for _, id in ipairs(ids) do
    if not seen[id] then seen[id], due[#due + 1] = true, id end
  end
end
for n = 1, #least do
  -- A low is met by prices at it or below, a high by those at it or above.
  add(redis.call('ZRANGEBYSCORE', KEYS[2 + 2 * n], text(least[n]), '+inf'))
  add(redis.call('ZRANGEBYSCORE', KEYS[3 + 2 * n], '-inf', text(greatest[n])))
end
if #due > 3 then return due end
pass(entries[#entries][1], last.s)
return {'ok', text(#entries), #entries == tonumber(ARGV[3]) and '1' or '0'}
