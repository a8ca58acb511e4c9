-- facts_delete: take entries off a stream of facts, if Redis still is in the life they were read in.
--
-- KEYS  1 wallet:0   2 trade_outbox or position_outbox
-- ARGV  1 life   2... ids of entries
-- Returns how many were there; 0 in another life, where an id may be that of another fact
-- Caller: store/sequence.py; tested in tests/store/test_sequence.py

local version = tonumber(redis.call('HGET', KEYS[1], 'v') or '0')
if math.floor(version / 4294967296) ~= tonumber(ARGV[1]) then return 0 end
return redis.call('XDEL', KEYS[2], unpack(ARGV, 2))
