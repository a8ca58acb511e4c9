-- position_restore: put back a position that this Redis has lost, unless it changed meanwhile.
--
-- KEYS  1 to 20 as in positions.lua
-- ARGV  1 version (v) it was found at, 0 if not at all   2... fields and values of the position
-- Returns 1 if it was put back, 0 if its version is another one by now, or a later life has begun
-- Caller: store/lost.py; tested in tests/store/test_rehydrate_positions.py

local found = load_position()
if (found and text(found.v) or '0') ~= ARGV[1] then return 0 end
local pos = {}
for i = 2, #ARGV, 2 do pos[ARGV[i]] = ARGV[i + 1] end
for _, field in ipairs(POSITION_FIELDS) do
  if not POSITION_TEXTS[field] then pos[field] = tonumber(pos[field]) end
end
-- Its version is the one that a life begins with. Who stood still since an earlier loss may know it
-- open that was closed since.
if load_wallet(KEYS[3]).v >= pos.v + 4294967296 then return 0 end
pos.sign = pos.side == 'long' and 1 or -1
-- Lost ticks have numbers that are given again: it must not pass for checked at those.
local inst = load_instrument(KEYS[1])
if inst and pos.cs > inst.seq then pos.cs, pos.ctick = inst.seq, inst.tid end
even_if_full(KEYS[1])
save_position(pos, pos.qty - (found and found.qty or 0), spell_position(pos))
if pos.qty == 0 then redis.call('EXPIRE', KEYS[5], 604800) end -- 7 days of real time
return 1
