-- fixtures_tell: have everybody know how some fixtures stand now.
--
-- KEYS  1 fixtures   hash  {id}: {"s": number, "d": the fixture}; seq: the last number given
--       2 lease of the feed
-- ARGV  1 owner of the lease   2... id and fixture (JSON) of each, or id and '' of one to forget
-- Returns {"ok"} or {"refused", "FENCED"}
-- Caller: store/fixture_news.py; tested in tests/store/test_fixture_news.py

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return refused('FENCED') end
even_if_full(KEYS[1])
for i = 2, #ARGV, 2 do
  local id, fixture = ARGV[i], ARGV[i + 1]
  local seq = text(redis.call('HINCRBY', KEYS[1], 'seq', 1))
  if fixture == '' then
    redis.call('HDEL', KEYS[1], id)
  else
    local told = '{"s":' .. seq .. ',"d":' .. fixture .. '}'
    redis.call('HSET', KEYS[1], id, told)
    redis.call('PUBLISH', 'fixture:' .. id, told)
  end
end
return {'ok'}
