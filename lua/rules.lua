-- rules: what operators want of instruments, for the scripts it is put before.
--
-- KEYS and ARGV are those of the script that follows; functions here get the keys they use.
-- Needs kernel.lua, market.lua and ticks.lua. Twin: domain/ruling.py; compared in tests/lua/

local OPERATORS = {8, 32} -- ADMIN, REDUCE_ONLY

local function has(bits, bit) return floor_div(bits, bit) % 2 == 1 end

-- `halt` with the operators' bits that `own` or `mode` has, and all other bits as they are.
local function ruled(halt, own, mode)
  for _, bit in ipairs(OPERATORS) do
    local wanted = has(own, bit) or has(mode, bit)
    if wanted ~= has(halt, bit) then halt = halt + (wanted and bit or -bit) end
  end
  return halt
end

-- Whether a rule numbered `version` comes too late for what has the number `present`.
local function overtaken(version, present) return tonumber(version) < tonumber(present or '0') end

-- Whether the id `a` of a tick is `b` or comes before it.
local function in_order(a, b)
  local a_ms, a_n = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_n = string.match(b, '^(%d+)-(%d+)$')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms < b_ms or (a_ms == b_ms and tonumber(a_n) <= tonumber(b_n))
end

-- The instrument under the halts of `own` and `mode`, as publish() takes it; nil if it has them.
-- Writes nothing, and fails where publish() would.
local function ruling(inst, ticks_key, own, mode, now_ms)
  local halt, before = ruled(inst.halt, own, mode), inst.tid
  if halt == inst.halt then return nil end
  inst.halt = halt
  advance(inst, now_ms)
  local newest = redis.call('XREVRANGE', ticks_key, '+', '-', 'COUNT', 1)[1]
  if newest and not in_order(newest[1], before) then error('a tick that its hash does not know') end
  local _ = text(inst.so) .. inst.phase -- what is missing fails here, before anything is written
  return inst
end

-- Has everybody know of the halts of the instrument, which has the hash `key`.
local function publish(inst, idx, key, ticks_key, dirty_key)
  save_tick(inst, idx, key, ticks_key, 'admin')
  redis.call('HSET', key, 'halt', text(inst.halt))
  redis.call('SADD', dirty_key, idx)
end
