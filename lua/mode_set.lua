-- mode_set: have the whole market trade, be reduced only, or rest, in all instruments at once.
--
-- KEYS  1 mode   hash  halt: its operators' bits, mode: its name, rule: its number, note, at
--       2 instruments   3 dirty:instruments   4... inst:{idx} and ticks:{idx} of each there is
-- ARGV  1 now (calendar ms)   2 number of the rule   3 its operators' bits, 0, 8 or 32
--       4 its name   5 why, for clients   6... idx of each
-- Returns {"ok", how many instruments}
--         or {"refused", "OVERTAKEN"} | {"refused", "LISTING"}: there are others by now
--         or {"refused", "UNREADABLE", "idx", of the first that nothing can be made of}
-- Twin: domain/ruling.py ruled(); compared in tests/lua/test_rules.py

local now_ms, version, bits, name, note = unpack(ARGV, 1, 5)
if overtaken(version, redis.call('HGET', KEYS[1], 'rule')) then return refused('OVERTAKEN') end
local count = #ARGV - 5
if redis.call('SCARD', KEYS[2]) ~= count then return refused('LISTING') end

local function look(key, ticks_key)
  local inst, own = load_instrument(key), tonumber(redis.call('HGET', key, 'own') or '0')
  -- Without one, Redis has been lost while it was put back, and will be once more.
  return inst and ruling(inst, ticks_key, own, tonumber(bits), tonumber(now_ms)) or nil
end

-- All are looked at before the first is written: what a script has written stays if it fails.
local changes = {}
for n = 1, count do
  local idx = ARGV[n + 5]
  if redis.call('SISMEMBER', KEYS[2], idx) == 0 then return refused('LISTING') end
  local fine, change = pcall(look, KEYS[2 * n + 2], KEYS[2 * n + 3])
  if not fine then return refused('UNREADABLE', 'idx', idx) end
  changes[n] = change
end

redis.call('PERSIST', KEYS[1])
redis.call('HSET', KEYS[1], 'halt', bits, 'mode', name, 'rule', version, 'note', note, 'at', now_ms)
for n = 1, count do
  if changes[n] then
    publish(changes[n], ARGV[n + 5], KEYS[2 * n + 2], KEYS[2 * n + 3], KEYS[3])
  end
end
return {'ok', text(count)}
