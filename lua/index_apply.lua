-- index_apply: let the feed move one instrument's index, phase and halts.
--
-- KEYS  1 inst:{idx}   2 ticks:{idx}   3 dirty:instruments   4 lease of the feed
--       5 settled:{fixture}   only if the change comes from a match
-- ARGV  1 owner of the lease   2 idx   3 now (calendar ms)
--       4 offset S (bps)   5 phase   6 the feed's halt bits, 0 to 7   each '' to keep what is
--       7 '1' to publish a tick in any case
-- Returns {"ok", "1" if a tick was published, seq, tick id, index (1e-4 coin)}
--         or {"refused", "FENCED" | "SETTLED" | "INSTRUMENT_UNKNOWN"}
-- Twin: domain/ticks.py apply_index(); compared in tests/lua/test_index_apply.py

local owner, idx, now_ms, heartbeat = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[7] == '1'
local FEED_BITS = 8 -- the feed's bits are those below this one

if redis.call('GET', KEYS[4]) ~= owner then return refused('FENCED') end
-- A late change must not move a base price that already holds this match's result.
if KEYS[5] and redis.call('EXISTS', KEYS[5]) == 1 then return refused('SETTLED') end
local inst = load_instrument(KEYS[1], 'B', 'S', 'fmin', 'fmax')
if not inst then return refused('INSTRUMENT_UNKNOWN') end

local before = {f = inst.f, S = inst.S, halt = inst.halt, phase = inst.phase}
inst.S = tonumber(ARGV[4]) or inst.S
if ARGV[5] ~= '' then inst.phase = ARGV[5] end
if ARGV[6] ~= '' then inst.halt = inst.halt - inst.halt % FEED_BITS + tonumber(ARGV[6]) end
inst.f = math.max(inst.fmin, math.min(inst.fmax, floor_div(inst.B * (10000 + inst.S), 10000)))

-- Play that begins or ends changes the spread: bid and ask as published are in force no longer.
local moved = inst.f ~= before.f or inst.halt ~= before.halt or in_play(inst) ~= in_play(before)
local ticked = moved or heartbeat
even_if_full(KEYS[1])
if ticked then
  advance(inst, now_ms)
  save_tick(inst, idx, KEYS[1], KEYS[2], moved and 'feed' or 'hb')
elseif inst.S ~= before.S or inst.phase ~= before.phase then
  inst.v = inst.v + 1
else
  return {'ok', '0', text(inst.seq), inst.tid, text(inst.f)}
end
redis.call('HSET', KEYS[1], 'S', text(inst.S), 'phase', inst.phase, 'halt', text(inst.halt),
  'v', text(inst.v))
redis.call('SADD', KEYS[3], idx)
return {'ok', ticked and '1' or '0', text(inst.seq), inst.tid, text(inst.f)}
