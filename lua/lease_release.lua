-- lease_release: give a lease back, if it is still ours.
--
-- KEYS  1 lease:{name}  string  owner
-- ARGV  1 owner
-- Returns 1 if it was ours, else 0
-- Caller: store/lease.py

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
