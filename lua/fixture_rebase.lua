-- fixture_rebase: have both clubs of a match rest at other base prices, by another result.
--
-- KEYS  1 settled:{fixture}   string  as in fixture_settle.lua   2 dirty:instruments
--       3 inst:{home idx}   4 ticks:{home idx}   5 inst:{away idx}   6 ticks:{away idx}
--       7 lease of the feed
-- ARGV  1 now (calendar ms)   2 home idx   3 away idx
--       4 home base expected, wanted   6 away base expected, wanted   (1e-4 coin)
--       8 '1' if the match moves both clubs now: that ends   9 who says so: why of the ticks
--       10 owner of the lease, if the feed says so; else ''
-- Returns {"ok", version of the home instrument, of the away instrument}
--         or {"refused", "FENCED" | "BASE_MOVED" | "CLUB_IN_PLAY" | "INSTRUMENT_UNKNOWN"}
-- Twin: domain/ticks.py rebased(); compared in tests/lua/test_fixture_rebase.py

local KEPT_S = 2592000 -- as in fixture_settle.lua
local now_ms, governs, owner = tonumber(ARGV[1]), ARGV[8] == '1', ARGV[10]

if owner ~= '' and redis.call('GET', KEYS[7]) ~= owner then return refused('FENCED') end

-- What the last act on this match has left, whoever was answered.
local left_px = {string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):%d+:(%d+):%d+$')}
local clubs = {}
for n = 1, 2 do
  local inst = load_instrument(KEYS[2 * n + 1], 'B', 'S', 'fmin', 'fmax')
  if not inst then return refused('INSTRUMENT_UNKNOWN') end
  clubs[n] = {inst = inst, idx = ARGV[n + 1], key = KEYS[2 * n + 1], ticks = KEYS[2 * n + 2],
    expected = tonumber(ARGV[2 * n + 2]), wanted = tonumber(ARGV[2 * n + 3])}
end
for n, club in ipairs(clubs) do
  local inst = club.inst
  if not governs and (inst.phase ~= 'scheduled' or inst.S ~= 0) then
    return refused('CLUB_IN_PLAY')
  end
  -- It may have what an act wanted that was broken off: this one, or the last one.
  if inst.B ~= club.expected and inst.B ~= club.wanted and inst.B ~= tonumber(left_px[n]) then
    return refused('BASE_MOVED')
  end
end

local left = {}
for n, club in ipairs(clubs) do
  local inst = club.inst
  inst.f = math.max(inst.fmin, math.min(inst.fmax, club.wanted))
  inst.halt, inst.phase = inst.halt - inst.halt % 8, 'scheduled' -- the feed's bits
  even_if_full(club.key)
  advance(inst, now_ms)
  save_tick(inst, club.idx, club.key, club.ticks, ARGV[9])
  redis.call('HSET', club.key, 'B', text(club.wanted), 'S', '0', 'phase', inst.phase,
    'halt', text(inst.halt))
  redis.call('SADD', KEYS[2], club.idx)
  left[n] = text(club.wanted) .. ':' .. text(inst.v)
end
redis.call('SET', KEYS[1], left[1] .. ':' .. left[2], 'EX', KEPT_S)
return {'ok', text(clubs[1].inst.v), text(clubs[2].inst.v)}
