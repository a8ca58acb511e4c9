-- wallets: money, and what waiting orders have set aside of it, for the scripts it is put before.
--
-- A wallet's `rsv` (1e-4 coin) and `rpos` (positions) are sums over its user's orders that wait.
-- They follow from those orders: no version counts them and no fact tells of them. The treasury's
-- `rec` is how many records of orders there were: they move no money, so no version counts them.
-- KEYS are those of the script that follows; functions here get the keys they use.
-- Needs kernel.lua. Twin: domain/portfolio.py; compared in tests/lua/

local AMOUNT_MAX = 9000000000000000 -- 1e-4 coin
local POSITIONS_MAX = 20

-- What an order sets aside that would cost `cost` now: a twentieth more, for the orders before it.
local function reserve(cost) return cost - floor_div(-cost, 20) end

-- The wallet at `key`; an absent one is empty. `own` and `slots` are what the order that is being
-- carried out has set aside, money and positions: it has these itself.
local function load_wallet(key, own, slots)
  local values = redis.call('HMGET', key, 'cash', 'locked', 'v', 'rsv', 'rpos', 'rec')
  own, slots = own or 0, slots or 0
  return {
    cash = tonumber(values[1] or '0'), locked = tonumber(values[2] or '0'),
    v = tonumber(values[3] or '0'), rec = tonumber(values[6] or '0'), own = own, slots = slots,
    rsv = tonumber(values[4] or '0') - own, rpos = tonumber(values[5] or '0') - slots,
  }
end

-- Notes that an order has set aside `amount` and `slots` more; it gives them back if negative.
local function set_aside(key, amount, slots)
  if amount ~= 0 then redis.call('HINCRBY', key, 'rsv', text(amount)) end
  if slots ~= 0 then redis.call('HINCRBY', key, 'rpos', text(slots)) end
end

local function save_wallet(key, wallet)
  redis.call('HSET', key, 'cash', text(wallet.cash), 'locked', text(wallet.locked),
    'v', text(wallet.v))
  set_aside(key, -wallet.own, -wallet.slots)
end

-- The turn of the fact that leaves the treasury so: its place among the facts of both streams.
local function turn(treasury) return text(treasury.v + treasury.rec) end

-- The turn of the record of an order, which is the next; `key` is the treasury's.
local function record_turn(key)
  local treasury = load_wallet(key)
  treasury.rec = treasury.rec + 1
  return turn(treasury)
end

-- Moves `amount` (1e-4 coin) into the wallet; false if it would hold more than is exact.
local function move_cash(wallet, amount)
  wallet.cash, wallet.v = wallet.cash + amount, wallet.v + 1
  return math.abs(wallet.cash) <= AMOUNT_MAX
end

-- Why the wallet cannot pay `needed`, or nil. What is set aside may exceed the cash after a loss.
local function money_refusal(wallet, needed, code)
  local free = math.max(0, wallet.cash - wallet.rsv)
  if needed <= free then return nil end
  return refused(code, 'required_e4', text(needed), 'available_e4', text(free))
end

-- Why its user cannot open one more position, or nil; `open_key` has those that are open.
local function positions_refusal(wallet, open_key)
  if redis.call('SCARD', open_key) + wallet.rpos < POSITIONS_MAX then return nil end
  return refused('TOO_MANY_POSITIONS', 'limit_positions', text(POSITIONS_MAX))
end
