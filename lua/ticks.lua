-- ticks: how one instrument's price is published, for the scripts it is put before.
--
-- KEYS and ARGV are those of the script that follows; functions here get the keys they use.
-- Needs kernel.lua and market.lua. Twin: domain/ticks.py ticked(); compared in tests/lua/

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
  redis.call('HSET', inst_key, 'f', f, 'q', q, 'so', text(inst.so), 'seq', seq, 'bid', b, 'ask', a,
    'mid', mid, 'mark', m, 'ts', ts, 'tid', inst.tid, 'v', text(inst.v))
  -- Nothing is trimmed here: only the candle-roller knows what is still needed (store/rolling.py).
  redis.call('XADD', ticks_key, inst.tid,
    's', seq, 'f', f, 'q', q, 'b', b, 'a', a, 'm', m, 'mid', mid, 'w', why, 'h', halt)
  redis.call('PUBLISH', 'price:' .. idx, '{"i":' .. idx .. ',"s":' .. seq .. ',"id":"' .. inst.tid
    .. '","t":' .. ts .. ',"b":' .. b .. ',"a":' .. a .. ',"m":' .. m .. ',"mid":' .. mid
    .. ',"w":"' .. why .. '","h":' .. halt .. ',"p":"' .. inst.phase .. '"}')
end
