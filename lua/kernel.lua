-- kernel: exact numbers, refusals and pushes, for the scripts it is put before.
--
-- KEYS and ARGV are those of the script that follows; functions here get the keys they use.
-- Every number is an integer held in a double: exact below 2^53, and the limits of
-- docs/market.md, "Units", keep every product there.

-- tostring() and .. would print %.14g and lose digits; what is added makes 0 of -0.
local function text(n) return string.format('%.0f', n + 0) end

local function floor_div(a, b) return math.floor(a / b) end

-- Rounds against the user: what they pay up, what they get down.
local function rounded(sign, a, b)
  if sign > 0 then return -math.floor(-a / b) end
  return math.floor(a / b)
end

-- floor(a * b / c) without a * b, which may pass 2^53; b * c may not.
local function mul_div(a, b, c) return math.floor(a / c) * b + math.floor((a % c) * b / c) end

local function refused(code, ...) return {'refused', code, ...} end

-- Whether `key` is that of an order that has waited, as no client's is.
local function has_waited(key) return string.find(key, ':order:', 1, true) ~= nil end

-- The answer to a command whose idempotency key was used before, or the client's own id of it, if
-- that has a key; else nil. An order that has waited has `other` for its record instead: if that
-- does not wait, it was closed, or is one that Redis has lost and its client may send again.
local function known(key, fingerprint, other)
  local found = redis.call('HMGET', key, 'fp', 'res')
  if not found[1] then
    if has_waited(key) then
      return redis.call('HGET', other, 'st') ~= 'pending' and refused('SETTLED') or nil
    end
    local taken = other and redis.call('EXISTS', other) == 1
    return taken and refused('CLIENT_ORDER_ID_REUSED') or nil
  end
  if found[1] ~= fingerprint then return refused('IDEMPOTENCY_KEY_REUSED') end
  return {'replayed', found[2]}
end

-- The answer to a command that begins something new while Redis is too full for that (`flag` is
-- '1'), unless it had been carried out before; see store/pressure.py.
local function paused(flag) return flag == '1' and refused('NEW_TRADES_PAUSED') or nil end

-- Has Redis carry the script out however full it is: it asks for room once, at the first write,
-- and only if that write needs some. This one changes nothing: `key` has no time to live.
local function even_if_full(key) redis.call('PERSIST', key) end

-- Keeps the result of a command under its idempotency key, and its id under the client's own id of
-- it if that has a key, for a day of real time. The key of an order that has waited is kept until
-- order_done: nobody else knows.
local function remember(key, fingerprint, res, coid_key, id)
  redis.call('HSET', key, 'fp', fingerprint, 'res', res)
  if has_waited(key) then return end
  redis.call('EXPIRE', key, 86400)
  if coid_key then redis.call('SET', coid_key, id, 'EX', 86400) end
end

-- Tells the user of `event`; `data` is a JSON object. Who is away for a moment finds it in the list
-- `pushes_key` (store/missed.py): the last 32, as long as the newest is not older than two minutes.
-- Returns how many servers have heard it.
local function push(uid, pfseq_key, pushes_key, event, data)
  local seq = text(redis.call('INCR', pfseq_key))
  local told = '{"s":' .. seq .. ',"e":"' .. event .. '","d":' .. data .. '}'
  if redis.call('RPUSH', pushes_key, told) > 32 then redis.call('LPOP', pushes_key) end
  redis.call('EXPIRE', pushes_key, 120)
  return redis.call('PUBLISH', 'portfolio:' .. uid, told)
end
