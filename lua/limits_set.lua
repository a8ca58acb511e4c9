-- limits_set: give one instrument other limits, if what is open there can live with them.
--
-- KEYS  1 inst:{idx}   2 ticks:{idx}   3 dirty:instruments   4 open:inst:{idx}
-- ARGV  1 idx   2 now (calendar ms)   3 number of the change
--       4 depth   5 qcap   6 user cap   7 largest order (1e-3 share)
--       8 half spread   9 fee   10 clamp of the mark (ppm)   11 highest leverage
-- Returns {"ok"} or {"refused", "OVERTAKEN" | "INSTRUMENT_UNKNOWN"}
--         or {"refused", "LIMIT_UNFIT", "field", name, "least", at least, "most", at most}
-- Twin: domain/limits.py unfit(), limited(); compared in tests/lua/test_limits_set.py

local DEPTH_MAX = 100000000
local idx, now_ms, version = unpack(ARGV, 1, 3)
local d, qcap, clamp = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[10])

local inst = load_instrument(KEYS[1], 'lrule', 'qcap', 'ucap', 'omax', 'imr')
if not inst then return refused('INSTRUMENT_UNKNOWN') end
if tonumber(version) < (inst.lrule or 0) then return refused('OVERTAKEN') end

local function unfit(field, least, most)
  return refused('LIMIT_UNFIT', 'field', field, 'least', text(least), 'most', text(most))
end
local sold = math.max(inst.q + inst.so, inst.so)
if qcap < sold then return unfit('qcap', sold, floor_div(d, 2)) end
-- What is open was opened by what its closes can do to price and mark.
if redis.call('SCARD', KEYS[4]) > 0 then
  if d < inst.d then return unfit('depth', inst.d, DEPTH_MAX) end
  if clamp > inst.clamp then return unfit('mark_clamp_ppm', 0, inst.clamp) end
end

even_if_full(KEYS[1])
redis.call('HSET', KEYS[1], 'lrule', version)
local wanted, same = {}, true
for n, field in ipairs({'d', 'qcap', 'ucap', 'omax', 'hs', 'fee', 'clamp', 'imr'}) do
  local value = tonumber(ARGV[n + 3])
  same = same and inst[field] == value
  inst[field] = value
  wanted[2 * n - 1], wanted[2 * n] = field, ARGV[n + 3]
end
if same then return {'ok'} end
advance(inst, tonumber(now_ms))
save_tick(inst, idx, KEYS[1], KEYS[2], 'admin')
redis.call('HSET', KEYS[1], unpack(wanted))
redis.call('SADD', KEYS[3], idx)
return {'ok'}
