-- leaderboard_tell: keep some scores of a board, and have everybody know how it stands now.
--
-- KEYS  1 leaderboard   hash  {name}: {"s": number, "d": what is shown}; seq: the last number given
--       2 lb:{board}   sorted set  user ids by score (1e-4 coin)   3 lease of the ranking
-- ARGV  1 owner of the lease   2 name of the board
--       3 what is shown (JSON), or '' if that has not changed or nobody is told of the board
--       4... user id and score of each, or user id and '' of one who is not ranked any more
-- Returns {"ok"} or {"refused", "FENCED"}
-- Caller: store/leaderboard_news.py; tested in tests/store/test_leaderboard_news.py

local KEPT_S = 3024000 -- 35 days of real time

if redis.call('GET', KEYS[3]) ~= ARGV[1] then return refused('FENCED') end
even_if_full(KEYS[1])
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('ZREM', KEYS[2], ARGV[i])
  else
    redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i])
  end
end
redis.call('EXPIRE', KEYS[2], KEPT_S)
if ARGV[3] ~= '' then
  local seq = text(redis.call('HINCRBY', KEYS[1], 'seq', 1))
  local told = '{"s":' .. seq .. ',"d":' .. ARGV[3] .. '}'
  redis.call('HSET', KEYS[1], ARGV[2], told)
  redis.call('PUBLISH', 'leaderboard:' .. ARGV[2], told)
end
return {'ok'}
