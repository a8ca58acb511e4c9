-- instruments_read: which instruments there are, and those that the caller does not have as they are.
--
-- KEYS  1 instruments   2... inst:{idx} of those the caller knows
-- ARGV  1... for each of these the version and the id of the last tick that it knows
--          (versions that Redis has lost are given again, ids of ticks are not)
-- Returns {{every idx}, then for each of these nil or, if it has another version, {field, value...}}
-- Caller: store/hot.py; tested in tests/store/test_hot.py

local found = {redis.call('SMEMBERS', KEYS[1])}
for n = 2, #KEYS do
  local now = redis.call('HMGET', KEYS[n], 'v', 'tid')
  local known = (now[1] or '') .. ' ' .. (now[2] or '') == ARGV[n - 1]
  found[n] = not known and redis.call('HGETALL', KEYS[n])
end
return found
