-- positions: CFD positions, their levels and where they are filed, for scripts it is put before.
--
-- KEYS of all these scripts begin with
--       1 inst:{idx}   2 wallet:{uid}   3 wallet:0   4 hold:{uid}   5 pos:{id}   6 ticks:{idx}
--       7 position_outbox   8 pfseq:{uid}
--       9 dirty:instruments   10 dirty:wallets   11 dirty:positions
--      12 open:user:{uid}   13 open:inst:{idx}   20 pushes:{uid}
--      14 trig:{idx}:bid_low   15 bid_high   16 ask_low   17 ask_high   18 mark_low   19 mark_high
-- Needs kernel.lua. Twin: domain/positions.py; compared in tests/lua/

-- What never changes comes first: of a position that is there only the rest is written.
local POSITION_FIELDS = {
  'id', 'uid', 'side', 'otick', 'idx', 'qty0', 'lev', 'entry', 'os', 'at',
  'ctick', 'cat', 'why', 'qty', 'oval', 'margin', 'liq', 'sl', 'tp', 'trail', 'best', 'cs', 'fees',
  'rpnl', 'no', 'warn', 'v',
}
local FIXED = 10
local POSITION_TEXTS = {id = 1, uid = 1, side = 1, otick = 1, ctick = 1, cat = 1, why = 1}

-- The position at KEYS[5], or nil. Stops it does not have are nil.
local function load_position()
  local values, pos = redis.call('HMGET', KEYS[5], unpack(POSITION_FIELDS)), {}
  if not values[1] then return nil end
  for i, field in ipairs(POSITION_FIELDS) do
    pos[field] = POSITION_TEXTS[field] and values[i] or tonumber(values[i])
  end
  pos.sign, pos.filed = pos.side == 'long' and 1 or -1, true
  return pos
end

-- Fields and values of `pos`, in their order.
local function spell_position(pos)
  local flat = {}
  for i, field in ipairs(POSITION_FIELDS) do
    local value = pos[field]
    if value and not POSITION_TEXTS[field] then value = text(value) end
    flat[2 * i - 1], flat[2 * i] = field, value or ''
  end
  return flat
end

-- Where the tighter stop stands, whether it is the trailing one, and where that one follows.
local function stops(pos)
  if not pos.trail then return pos.sl, false, nil end
  local trailing = pos.best - pos.sign * pos.trail
  local follow = pos.best + pos.sign * math.max(1, floor_div(pos.trail, 10))
  if pos.sl and pos.sign * trailing <= pos.sign * pos.sl then return pos.sl, false, follow end
  return trailing, true, follow
end

-- Closing quotes and marks at which something happens next: stop, gain, loss, relief; nil for none.
local function levels(pos)
  if pos.qty == 0 then return nil, nil, nil, nil end
  local stop, _, gain = stops(pos)
  if pos.tp and (not gain or pos.sign * pos.tp < pos.sign * gain) then gain = pos.tp end
  local way = pos.entry - pos.liq
  if pos.warn == 1 then return stop, gain, pos.liq, pos.liq + floor_div(way, 2) end
  return stop, gain, pos.liq + floor_div(way, 4), nil
end

-- Writes the position and files it: by its levels, with its owner and its club while it is open.
-- `grown` is how much more of it is open than before, `flat` what spell_position() says.
local function save_position(pos, grown, flat)
  redis.call('HSET', KEYS[5], unpack(flat, pos.filed and 2 * FIXED + 1 or 1))
  redis.call('SADD', KEYS[11], pos.id)
  local stop, gain, loss, relief = levels(pos)
  local long = pos.sign > 0
  local filed = long and {[14] = stop, [15] = gain, [18] = loss, [19] = relief}
    or {[17] = stop, [16] = gain, [19] = loss, [18] = relief}
  for _, key in ipairs({long and 14 or 16, long and 15 or 17, 18, 19}) do
    if filed[key] then redis.call('ZADD', KEYS[key], text(filed[key]), pos.id)
    else redis.call('ZREM', KEYS[key], pos.id) end
  end
  if grown ~= 0 then
    redis.call('HINCRBY', KEYS[4], (long and 'l:' or 's:') .. text(pos.idx), text(grown))
    local file = pos.qty > 0 and 'SADD' or 'SREM'
    redis.call(file, KEYS[12], pos.id)
    redis.call(file, KEYS[13], pos.id)
  end
end
