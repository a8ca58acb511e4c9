-- breaches: what ticks do to a position, for the scripts it is put before.
--
-- KEYS are those of positions.lua. Needs kernel.lua and positions.lua.
-- Twin: domain/positions.py breach(), crosses(), domain/closing.py; compared in tests/lua/

local TAIL = 1000 -- ticks looked at by quiet(); more are the scanner's to read

-- An entry of the tick stream with its numbers: s, f, b, a, m, h and more.
local function tick_of(entry)
  local tick = {id = entry[1]}
  for i = 1, #entry[2], 2 do tick[entry[2][i]] = tonumber(entry[2][i + 1]) end
  return tick
end

-- The tick called `id`, or nil if it is no longer kept.
local function load_tick(id)
  local found = redis.call('XRANGE', KEYS[6], id, id)
  return found[1] and tick_of(found[1])
end

-- Whether a tick can do anything: not while closing is halted, the lowest four bits.
local function counts(tick) return tick.h % 16 == 0 end

local function closing_quote(pos, tick) return pos.sign > 0 and tick.b or tick.a end

-- The liquidation that `tick`, under no halt, asks for, whatever the stops; nil for none.
local function liquidation(pos, tick)
  if pos.sign * tick.m <= pos.sign * pos.liq then return 'liquidation', tick.m, pos.liq end
  return nil
end

-- What `tick` closes the open `pos` for, the price compared, and with what; nil for nothing.
local function breach(pos, tick)
  if not counts(tick) then return nil end
  local sign, quote = pos.sign, closing_quote(pos, tick)
  local stop, trailing = stops(pos)
  if stop and sign * quote <= sign * stop then
    return trailing and 'trailing_stop' or 'stop_loss', quote, stop
  end
  if pos.tp and sign * quote >= sign * pos.tp then return 'take_profit', quote, pos.tp end
  return liquidation(pos, tick)
end

-- Why a close that comes to `gained` and owes `fee` is not for now, or nil: its `margin` does not
-- cover both, or for a tick not the loss, and what is lacking is more than the mark has taken beyond
-- three quarters of it.
local function cover_refusal(pos, margin, gained, fee, tick)
  if margin + gained >= (tick and 0 or fee) then return nil end
  local beyond = tick and pos.sign * (pos.entry - tick.m) * pos.qty - pos.margin * 750
  if tick and -margin - gained <= floor_div(beyond, 1000) then return nil end
  return refused('INSUFFICIENT_MARGIN', 'required_e4', text(fee - gained),
    'available_e4', text(margin))
end

-- Whether nothing has happened to `pos` since the last tick it was checked at, or that the watch of
-- its club at `watch_key` has passed; nil if that is too much to say here.
local function quiet(pos, watch_key)
  local from, seq = pos.ctick, pos.cs
  local watched = redis.call('HMGET', watch_key, 'id', 's')
  if watched[1] and tonumber(watched[2]) > seq then from, seq = watched[1], tonumber(watched[2]) end
  local sign, stop, gain, loss, relief = pos.sign, levels(pos)
  local entries = redis.call('XRANGE', KEYS[6], '(' .. from, '+', 'COUNT', TAIL)
  for _, entry in ipairs(entries) do
    local tick = tick_of(entry)
    local px, m = sign * closing_quote(pos, tick), sign * tick.m
    seq = seq + 1
    if tick.s ~= seq then return nil end
    if counts(tick) and ((stop and px <= sign * stop) or (gain and px >= sign * gain)
      or m <= sign * loss or (relief and m >= sign * relief)) then return false end
  end
  return #entries < TAIL or nil
end
