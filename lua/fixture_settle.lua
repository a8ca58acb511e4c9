-- fixture_settle: make a match's result part of both clubs' base prices, once per match.
--
-- KEYS  1 settled:{fixture}   string  "home base:version:away base:version", what it left
--       2 lease of the feed   3 dirty:instruments
--       4 inst:{home idx}   5 inst:{away idx}
-- ARGV  1 owner of the lease   2 home idx   3 away idx
-- Returns {"ok", home base before, after, away base before, after}   (1e-4 coin)
--         or {"refused", "FENCED" | "SETTLED" | "INSTRUMENT_UNKNOWN"}
-- Twin: domain/ticks.py settled(); compared in tests/lua/test_fixture_settle.py

local KEPT_S = 2592000 -- 30 days of real time; by then Postgres has long known

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return refused('FENCED') end
if redis.call('EXISTS', KEYS[1]) == 1 then return refused('SETTLED') end
local home, away = load_instrument(KEYS[4], 'B'), load_instrument(KEYS[5], 'B')
if not (home and away) then return refused('INSTRUMENT_UNKNOWN') end

even_if_full(KEYS[4])
-- The index stays where it is, so no price changes and no tick is due.
local function settle(inst, key, idx)
  redis.call('HSET', key, 'B', text(inst.f), 'S', '0', 'v', text(inst.v + 1))
  redis.call('SADD', KEYS[3], idx)
  return text(inst.f) .. ':' .. text(inst.v + 1)
end

local left = settle(home, KEYS[4], ARGV[2]) .. ':' .. settle(away, KEYS[5], ARGV[3])
redis.call('SET', KEYS[1], left, 'EX', KEPT_S)
return {'ok', text(home.B), text(home.f), text(away.B), text(away.f)}
