-- market: prices and limits of one instrument, for the scripts it is put before.
--
-- KEYS and ARGV are those of the script that follows; functions here get the keys they use.
-- A `sign` is 1 for buying from the house and -1 for selling to it. Needs kernel.lua.
-- Twin: domain/pricing.py, domain/trading.py priced(); compared in tests/lua/

local PPM = 1000000

-- The instrument at `key`, or nil: what prices and ticks need of it, and the numbers named besides.
-- A field that is missing fails the script before it writes.
local function load_instrument(key, ...)
  local numbers = {'f', 'q', 'so', 'd', 'hs', 'fee', 'clamp', 'halt', 'seq', 'v', ...}
  local values = redis.call('HMGET', key, 'sym', 'phase', 'tid', unpack(numbers))
  if not values[1] then return nil end
  local inst = {sym = values[1], phase = values[2], tid = values[3]}
  for i, field in ipairs(numbers) do inst[field] = tonumber(values[i + 3]) end
  return inst
end

-- Who watches a match is ahead of the feed: in play the spread is wider and orders are smaller.
local function in_play(inst) return inst.phase == 'live' or inst.phase == 'break' end
local function half_spread(inst) return in_play(inst) and inst.hs * 3 or inst.hs end
local function order_limit(inst) return in_play(inst) and floor_div(inst.omax, 4) or inst.omax end

local function leverage_limit(inst)
  return in_play(inst) and math.max(1, floor_div(inst.imr, 2)) or inst.imr
end

local function halted(inst)
  return refused('MARKET_HALTED', 'halt', text(inst.halt), 'phase', inst.phase)
end

-- Average price, value and fee of trading `qty` now (1e-4 coin).
local function price(inst, sign, qty)
  local impact = rounded(sign, inst.f * (2 * inst.q + sign * qty), 2 * inst.d)
  local px = rounded(sign, (inst.f + impact) * (PPM + sign * half_spread(inst)), PPM)
  local value = rounded(sign, px * qty, 1000)
  return px, value, rounded(1, value * inst.fee, PPM)
end

-- Why nobody may trade `qty` now, or nil; a `side` is buy, sell, long or short. Sales stop at the
-- halts that stop closing, the lowest four bits, all others at any.
local function market_refusal(inst, side, qty)
  if (side ~= 'sell' and inst.halt or inst.halt % 16) ~= 0 then return halted(inst) end
  if not (qty >= 1 and qty == math.floor(qty)) then return refused('QUANTITY_INVALID') end
  local limit = order_limit(inst)
  if qty > limit then return refused('QUANTITY_LIMIT_EXCEEDED', 'limit_qty', text(limit)) end
  if side == 'sell' then return nil end -- what the house has sold it takes back, always
  local available = inst.qcap - inst.so - (side == 'short' and 0 or inst.q)
  if qty <= available then return nil end
  return refused('LIQUIDITY_EXHAUSTED', 'available_qty', text(available))
end
