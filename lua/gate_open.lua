-- gate_open: note the run id of a Redis that has been put back, if it is still in that life.
--
-- Who put it back may have stood still since the last look: it may have been emptied meanwhile, or
-- be in a later life, that another is about to put back.
--
-- KEYS  1 meta:run_id   2 wallet:0
-- ARGV  1 the run id   2 the life that was entered
-- Returns 1 if it is noted, 0 if Redis is in another life
-- Caller: store/gate.py; tested in tests/store/test_rivals.py

local version, life = tonumber(redis.call('HGET', KEYS[2], 'v') or '0'), tonumber(ARGV[2])
if math.floor(version / 4294967296) ~= life then return 0 end
redis.call('PERSIST', KEYS[1]) -- however full Redis is; see even_if_full() in kernel.lua
redis.call('SET', KEYS[1], ARGV[1])
return 1
