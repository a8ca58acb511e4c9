-- position_follow: note how far an open position has been checked, and what that moved.
--
-- KEYS  1 to 20 as in positions.lua
-- ARGV  1 version (v) the caller has read   2 tick it was checked at   3 that tick's seq
--       4 tick whose closing quote the trailing stop followed to, or ''   5 '1' once warned, or '0'
-- Returns {"ok", version} or {"refused", "POSITION_CLOSED" | "VERSION_MISMATCH" | "TICK_TRIMMED"
--         | "NOT_BREACHED"}
-- Twin: domain/positions.py followed(); compared in tests/lua/test_position_follow.py

local version, ctick, cs, follow_id = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local pos = load_position()
if not pos or pos.qty == 0 then return refused('POSITION_CLOSED') end
if text(pos.v) ~= version or cs < pos.cs then
  return refused('VERSION_MISMATCH', 'version', text(pos.no))
end
-- If Redis was put back since the caller looked, another tick may have the number of a lost one.
if not load_tick(ctick) then return refused('TICK_TRIMMED') end
if follow_id ~= '' then
  local tick, _, _, follow = load_tick(follow_id), stops(pos)
  -- A candle's low and high have the same seq, the one after `cs`: by its id, then, whether it lies
  -- before what was checked or is it (domain/scanning.py).
  local seen = tick and (tick.s <= cs
    or tick.s == cs + 1 and #redis.call('XRANGE', KEYS[6], follow_id, ctick, 'COUNT', 1) == 1)
  local due = seen and counts(tick) and tick.s > pos.cs
  local quote = due and closing_quote(pos, tick)
  if not (quote and follow and pos.sign * quote >= pos.sign * follow) then
    return refused('NOT_BREACHED')
  end
  pos.best = quote
end
local warned = ARGV[5] == '1' and pos.warn == 0
pos.warn, pos.ctick, pos.cs, pos.v = tonumber(ARGV[5]), ctick, cs, pos.v + 1
local flat = spell_position(pos)
even_if_full(KEYS[1])
save_position(pos, 0, flat)
if warned then
  local symbol = redis.call('HGET', KEYS[1], 'sym')
  local data = '{"sym":"' .. symbol .. '","fact":' .. cjson.encode(flat) .. '}'
  push(pos.uid, KEYS[8], KEYS[20], 'margin_call', data)
end
return {'ok', text(pos.v)}
