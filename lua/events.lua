-- events: what every event of a position leaves behind, for the scripts it is put before.
--
-- KEYS are those of positions.lua. Needs kernel.lua, market.lua, ticks.lua and positions.lua.

local function liquidation_px(pos)
  return math.max(0, pos.entry - pos.sign * floor_div(pos.margin * 500, pos.qty))
end

-- Why `pos` cannot have its stops at the quotes of `inst`, or nil.
local function stops_refusal(pos, inst)
  local sign, quote = pos.sign, pos.sign > 0 and inst.bid or inst.ask
  local least = 2 * (inst.ask - inst.bid)
  -- A stop at the quote is met at once: in play it would be a close that does not wait.
  local room = in_play(inst) and least or 1
  if pos.sl and not (sign * pos.liq <= sign * pos.sl and sign * pos.sl <= sign * quote - room) then
    return refused('STOP_LOSS_PRICE_INVALID', 'quoted_px', text(quote),
      'liquidation_px', text(pos.liq))
  end
  if pos.tp and sign * pos.tp < sign * quote + room then
    return refused('TAKE_PROFIT_PRICE_INVALID', 'quoted_px', text(quote))
  end
  if pos.trail and pos.trail < least then
    return refused('STOP_DISTANCE_TOO_SMALL', 'limit_px', text(least))
  end
  return nil
end

-- The next event of a position: counts it in everything that has a version.
-- `cash` and `locked` are what the owner's wallet gains (1e-4 coin); false if it cannot be held.
local function move(pos, wallet, treasury, cash, locked)
  pos.no, pos.v = pos.no + 1, pos.v + 1
  wallet.locked = wallet.locked + locked
  return move_cash(wallet, cash) and move_cash(treasury, -cash - locked)
    and wallet.locked <= AMOUNT_MAX
end

-- Writes the event `head` (a list of fields and values) with all that it changed, and tells the
-- owner of it as `name`. Returns {"ok", stream id, fact}.
-- `event` has: inst, wallet, treasury, pos, grown, why (nil if no price is published), name,
-- replayed (a key, if a replay does it).
local function record(head, event)
  local inst, wallet, treasury, pos = event.inst, event.wallet, event.treasury, event.pos
  local flat, fact = spell_position(pos), {
    'cash', text(wallet.cash), 'locked', text(wallet.locked), 'wv', text(wallet.v),
    'tcash', text(treasury.cash), 'tv', text(treasury.v), 'turn', turn(treasury), 'q', text(inst.q),
    'so', text(inst.so), 'iv', text(inst.v), 'seq', text(inst.seq), 'tick', inst.tid,
    unpack(head),
  }
  local length = #fact
  for i = 1, #flat do fact[length + i] = flat[i] end
  local res = cjson.encode(fact)
  -- The fact first: an error here, such as a full memory, comes before any state has changed.
  if event.grown <= 0 or wallet.own > 0 then even_if_full(KEYS[1]) end
  local entry_id = redis.call('XADD', KEYS[7], '*', 'fact', res)
  if event.why then
    save_tick(inst, text(pos.idx), KEYS[1], KEYS[6], event.why)
    redis.call('SADD', KEYS[9], text(pos.idx))
  end
  save_wallet(KEYS[2], wallet)
  save_wallet(KEYS[3], treasury)
  redis.call('SADD', KEYS[10], pos.uid, '0')
  save_position(pos, event.grown, flat)
  push(pos.uid, KEYS[8], KEYS[20], event.name, '{"sym":"' .. inst.sym .. '","fact":' .. res .. '}')
  if event.replayed then -- kept until it is told: whoever is at the replay may die before that
    redis.call('RPUSH', event.replayed, res)
    redis.call('EXPIRE', event.replayed, 86400)
  end
  return {'ok', entry_id, res}
end
