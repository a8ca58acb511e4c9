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

-- Has everybody know of the halts of the instrument, which has the hash `key`, if they change.
local function rule(inst, idx, key, ticks_key, dirty_key, own, mode, now_ms)
  local halt = ruled(inst.halt, own, mode)
  if halt == inst.halt then return end
  inst.halt = halt
  advance(inst, now_ms)
  save_tick(inst, idx, key, ticks_key, 'admin')
  redis.call('HSET', key, 'halt', text(halt))
  redis.call('SADD', dirty_key, idx)
end
