-- instruments_read: which instruments there are, and those that the caller does not have as they are.
--
-- KEYS  1 instruments   2... inst:{idx} of those the caller knows
-- ARGV  1... for each of these the version it knows
-- Returns {{every idx}, then for each of these nil or, if it has another version, {field, value...}}
-- Caller: store/hot.py; tested in tests/store/test_hot.py

local found = {redis.call('SMEMBERS', KEYS[1])}
for n = 2, #KEYS do
  local known = redis.call('HGET', KEYS[n], 'v') == ARGV[n - 1]
  found[n] = not known and redis.call('HGETALL', KEYS[n])
end
return found
