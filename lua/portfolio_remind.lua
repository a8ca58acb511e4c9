-- portfolio_remind: tell a user whose portfolio was shown just now what waited for that.
--
-- Whoever has shown it tells of this at once, behind it: by the time the message comes round, the
-- portfolio may have been shown again, and nobody would be told what a snapshot has by then.
--
-- KEYS  1 pfseq:{uid}   2 replay:{uid}   list  data that waits, oldest first   3 pushes:{uid}
-- ARGV  1 uid   2 event   3 number of the last push that was shown
-- Returns {"ok"} if nothing waits, {"ok", push...}: the last pushes, with what waited at their end;
--         or {"refused", "later"}: there was another push, so it has to be shown anew first
-- Caller: store/reconnects.py; tested in tests/store/test_reconnects.py

local waiting = redis.call('LRANGE', KEYS[2], 0, -1)
if #waiting == 0 then return { 'ok' } end
if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[3] then return refused('later') end

redis.call('DEL', KEYS[2])
for _, data in ipairs(waiting) do
  even_if_full(KEYS[1])
  push(ARGV[1], KEYS[1], KEYS[3], ARGV[2], data)
end
return { 'ok', unpack(redis.call('LRANGE', KEYS[3], 0, -1)) }
