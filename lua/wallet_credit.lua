-- wallet_credit: give a user money from the treasury, or take back what no order has set aside and
-- no position has locked; once per idempotency key for ever.
--
-- KEYS  1 wallet:{uid}   2 wallet:0   3 idem:{uid}:{key}   4 trade_outbox   5 pfseq:{uid}
--       6 dirty:wallets   7 pushes:{uid}
-- ARGV  1 entry id   2 uid   3 kind   4 amount (1e-4 coin; negative is to the treasury)
--       5 idempotency key   6 fingerprint   7 note   8 now (calendar ms)
-- Returns {"ok", stream id, fact} | {"replayed", fact} | {"refused", code};
--         a fact is the stream entry as a JSON array of fields and values
-- Twin: domain/portfolio.py credit(); compared in tests/lua/test_wallet_credit.py

local id, uid, kind, amount = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local idem, fingerprint, note, now_ms = ARGV[5], ARGV[6], ARGV[7], ARGV[8]

local before = known(KEYS[3], fingerprint)
if before then return before end

local wallet, treasury = load_wallet(KEYS[1]), load_wallet(KEYS[2])
local lacking = amount < 0 and money_refusal(wallet, -amount, 'INSUFFICIENT_FUNDS')
if lacking then return lacking end
if not (move_cash(wallet, amount) and move_cash(treasury, -amount)) then
  return refused('AMOUNT_LIMIT_EXCEEDED')
end

local fact = {
  'k', 'grant', 'id', id, 'uid', uid, 'kind', kind, 'amount', text(amount), 'idem', idem,
  'note', note, 'at', now_ms, 'cash', text(wallet.cash), 'locked', text(wallet.locked),
  'wv', text(wallet.v), 'tcash', text(treasury.cash), 'tv', text(treasury.v),
  'turn', turn(treasury),
}
local res = cjson.encode(fact)
local entry_id = redis.call('XADD', KEYS[4], '*', 'fact', res)
save_wallet(KEYS[1], wallet)
save_wallet(KEYS[2], treasury)
redis.call('SADD', KEYS[6], uid, '0')
-- Without expiry: a welcome grant asked for again next year must not be paid again.
redis.call('HSET', KEYS[3], 'fp', fingerprint, 'res', res)
push(uid, KEYS[5], KEYS[7], 'wallet', '{"fact":' .. res .. '}')
return {'ok', entry_id, res}
