-- halt_set: halt one instrument for its operators, or end that, whatever the feed halts.
--
-- KEYS  1 inst:{idx}   2 ticks:{idx}   3 dirty:instruments   4 mode
-- ARGV  1 idx   2 now (calendar ms)   3 number of the rule   4 the operators' bits of its own,
--       0, 8 or 32   5 why, for clients
-- Returns {"ok", halts before, halts after} or {"refused", "OVERTAKEN" | "INSTRUMENT_UNKNOWN"}
-- Twin: domain/ruling.py ruled(); compared in tests/lua/test_rules.py

local idx, now_ms, version, own, note = unpack(ARGV)
local inst = load_instrument(KEYS[1], 'rule')
if not inst then return refused('INSTRUMENT_UNKNOWN') end
if overtaken(version, inst.rule) then return refused('OVERTAKEN') end

local before, mode = inst.halt, tonumber(redis.call('HGET', KEYS[4], 'halt') or '0')
local change = ruling(inst, KEYS[2], tonumber(own), mode, tonumber(now_ms))
even_if_full(KEYS[1])
redis.call('HSET', KEYS[1], 'rule', version, 'own', own, 'note', note)
if change then publish(change, idx, KEYS[1], KEYS[2], KEYS[3]) end
return {'ok', text(before), text(inst.halt)}
