-- portfolio_push: tell a user something that no change of their portfolio tells by itself.
--
-- KEYS  1 pfseq:{uid}  string  number of the last push
-- ARGV  1 uid   2 event   3 its data, a JSON object
-- Returns "ok"
-- Caller: store/reconnects.py; tested in tests/store/test_reconnects.py

push(ARGV[1], KEYS[1], ARGV[2], ARGV[3])
return 'ok'
