-- market: prices, limits and ticks of one instrument, for the scripts it is put before.
--
-- KEYS and ARGV are those of the script that follows; functions here get the keys they use.
-- A `sign` is 1 for buying from the house and -1 for selling to it. Needs kernel.lua.
-- Twin: domain/pricing.py, domain/trading.py priced(), domain/ticks.py; compared in tests/lua/

local PPM = 1000000
local TICKS_KEPT_MS = 93600000 -- 26 h of calendar time
local INSTRUMENT_NUMBERS = {
  'f', 'q', 'd', 'hs', 'fee', 'qcap', 'omax', 'ucap', 'clamp', 'halt', 'seq', 'v',
  'B', 'S', 'fmin', 'fmax',
}

-- The instrument at `key`, or nil. A field that is missing fails the script before it writes.
local function load_instrument(key)
  local values = redis.call('HMGET', key, 'sym', 'phase', 'tid', unpack(INSTRUMENT_NUMBERS))
  if not values[1] then return nil end
  local inst = {sym = values[1], phase = values[2], tid = values[3]}
  for i, field in ipairs(INSTRUMENT_NUMBERS) do inst[field] = tonumber(values[i + 3]) end
  return inst
end

-- Who watches a match is ahead of the feed: in play the spread is wider and orders are smaller.
local function in_play(inst) return inst.phase == 'live' or inst.phase == 'break' end
local function half_spread(inst) return in_play(inst) and inst.hs * 3 or inst.hs end
local function order_limit(inst) return in_play(inst) and floor_div(inst.omax, 4) or inst.omax end

-- Average price, value and fee of trading `qty` now (1e-4 coin).
local function price(inst, sign, qty)
  local impact = rounded(sign, inst.f * (2 * inst.q + sign * qty), 2 * inst.d)
  local px = rounded(sign, (inst.f + impact) * (PPM + sign * half_spread(inst)), PPM)
  local value = rounded(sign, px * qty, 1000)
  return px, value, rounded(1, value * inst.fee, PPM)
end

-- Why nobody may trade `qty` now, or nil. Buying stops at any halt; selling at those that stop
-- closing, the lowest four bits.
local function market_refusal(inst, sign, qty)
  if (sign > 0 and inst.halt or inst.halt % 16) ~= 0 then
    return refused('MARKET_HALTED', 'halt', text(inst.halt), 'phase', inst.phase)
  end
  if not (qty >= 1 and qty == math.floor(qty)) then return refused('QUANTITY_INVALID') end
  local limit = order_limit(inst)
  if qty > limit then return refused('QUANTITY_LIMIT_EXCEEDED', 'limit_qty', text(limit)) end
  local available = inst.qcap - sign * inst.q
  if qty > available then return refused('LIQUIDITY_EXHAUSTED', 'available_qty', text(available)) end
  return nil
end

-- Publishes the price: fresh quotes, the next seq and a tick id after the last one.
-- Changes `inst` only; save_tick() writes it.
local function advance(inst, now_ms)
  local hs = half_spread(inst)
  inst.mid = inst.f + floor_div(inst.f * inst.q, inst.d)
  inst.bid = floor_div(inst.mid * (PPM - hs), PPM)
  inst.ask = rounded(1, inst.mid * (PPM + hs), PPM)
  local premium = math.max(-inst.clamp, math.min(inst.clamp, floor_div(inst.q * PPM, inst.d)))
  inst.mark = inst.f + floor_div(inst.f * premium, PPM)
  inst.seq, inst.v = inst.seq + 1, inst.v + 1
  local last_ms, number = string.match(inst.tid, '^(%d+)-(%d+)$')
  last_ms = tonumber(last_ms)
  -- Calendar time may stand still or a replica's clock lag; ids must still grow.
  inst.ts, number = math.max(now_ms, last_ms), now_ms > last_ms and 0 or tonumber(number) + 1
  inst.tid = text(inst.ts) .. '-' .. text(number)
end

local function save_tick(inst, idx, inst_key, ticks_key, why)
  local f, q, seq = text(inst.f), text(inst.q), text(inst.seq)
  local b, a, m, mid = text(inst.bid), text(inst.ask), text(inst.mark), text(inst.mid)
  local ts, halt = text(inst.ts), text(inst.halt)
  redis.call('HSET', inst_key, 'f', f, 'q', q, 'seq', seq, 'bid', b, 'ask', a, 'mid', mid,
    'mark', m, 'ts', ts, 'tid', inst.tid, 'v', text(inst.v))
  redis.call('XADD', ticks_key, 'MINID', '~', text(math.max(0, inst.ts - TICKS_KEPT_MS)), inst.tid,
    's', seq, 'f', f, 'q', q, 'b', b, 'a', a, 'm', m, 'mid', mid, 'w', why, 'h', halt)
  redis.call('PUBLISH', 'price:' .. idx, '{"i":' .. idx .. ',"s":' .. seq .. ',"id":"' .. inst.tid
    .. '","t":' .. ts .. ',"b":' .. b .. ',"a":' .. a .. ',"m":' .. m .. ',"mid":' .. mid
    .. ',"w":"' .. why .. '","h":' .. halt .. ',"p":"' .. inst.phase .. '"}')
end
