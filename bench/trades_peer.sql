-- The peer (c) of bench/trades.py: a trade as one Postgres transaction that locks the rows it
-- changes. What lua/trade_execute.lua checks, computes and writes, in the project's own tables
-- where there are some; one call is one round trip. It publishes nothing: NOTIFY would take a
-- lock over the whole database. The treasury's row, which all trades change, is locked last.

CREATE TABLE peer_idem (user_id BIGINT, key TEXT, fp TEXT NOT NULL, res JSONB NOT NULL,
                        PRIMARY KEY (user_id, key));
CREATE TABLE peer_ticks (idx INT, seq BIGINT, f BIGINT, q BIGINT, b BIGINT, a BIGINT, m BIGINT,
                         mid BIGINT, PRIMARY KEY (idx, seq));
INSERT INTO wallets (user_id, cash_e4, version)
  SELECT id, CASE WHEN id = 0 THEN 0 ELSE 900000000000 END, 1 FROM users;
INSERT INTO holdings (user_id, idx, qty, cost_e4, version)
  SELECT id, idx, 1000000, 1000000000, 1 FROM users, instruments WHERE id > 0;

-- Rounded up for what a user pays (1), down for what they get (-1).
CREATE FUNCTION peer_rounded(sign INT, a BIGINT, b BIGINT) RETURNS BIGINT IMMUTABLE LANGUAGE sql
AS $$ SELECT CASE WHEN sign > 0 THEN ceil(a::numeric / b) ELSE floor(a::numeric / b) END $$;

CREATE FUNCTION peer_trade(uid BIGINT, ix INT, sd TEXT, quantity BIGINT, idem TEXT, print TEXT)
RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE
  sign INT := CASE sd WHEN 'buy' THEN 1 ELSE -1 END;
  known peer_idem; inst instruments; wallet wallets; house wallets; held holdings;
  px BIGINT; val BIGINT; charge BIGINT; paid BIGINT; sold BIGINT; gain BIGINT := 0;
  mid BIGINT; mark BIGINT; premium BIGINT; trade UUID := gen_random_uuid(); res JSONB;
BEGIN
  SELECT * INTO known FROM peer_idem WHERE user_id = uid AND key = idem;
  IF FOUND THEN RETURN known.res; END IF;
  SELECT * INTO inst FROM instruments WHERE idx = ix FOR UPDATE;
  IF NOT FOUND THEN RAISE 'INSTRUMENT_UNKNOWN'; END IF;
  IF inst.halt <> 0 THEN RAISE 'MARKET_HALTED'; END IF;
  IF quantity < 1 OR quantity > inst.order_max THEN RAISE 'QUANTITY_LIMIT_EXCEEDED'; END IF;
  IF quantity > inst.qcap - sign * inst.inventory THEN RAISE 'LIQUIDITY_EXHAUSTED'; END IF;
  px := inst.index_px
    + peer_rounded(sign, inst.index_px * (2 * inst.inventory + sign * quantity), 2 * inst.depth);
  px := peer_rounded(sign, px * (1000000 + sign * inst.half_spread_ppm), 1000000);
  val := peer_rounded(sign, px * quantity, 1000);
  charge := peer_rounded(1, val * inst.fee_ppm, 1000000);
  paid := sign * val + charge;
  SELECT * INTO wallet FROM wallets WHERE user_id = uid AND mode = 'paper' FOR UPDATE;
  SELECT * INTO held FROM holdings WHERE user_id = uid AND idx = ix FOR UPDATE;
  IF sign > 0 THEN
    IF held.qty + quantity > inst.user_cap THEN RAISE 'POSITION_LIMIT_EXCEEDED'; END IF;
    IF paid > wallet.cash_e4 THEN RAISE 'INSUFFICIENT_FUNDS'; END IF;
    held.cost_e4 := held.cost_e4 + val;
  ELSE
    IF quantity > held.qty THEN RAISE 'INSUFFICIENT_SHARES'; END IF;
    sold := floor(held.cost_e4::numeric * quantity / held.qty);
    held.cost_e4 := held.cost_e4 - sold; gain := val - sold;
  END IF;
  inst.inventory := inst.inventory + sign * quantity;
  mid := inst.index_px + floor(inst.index_px::numeric * inst.inventory / inst.depth);
  inst.bid_px := peer_rounded(-1, mid * (1000000 - inst.half_spread_ppm), 1000000);
  inst.ask_px := peer_rounded(1, mid * (1000000 + inst.half_spread_ppm), 1000000);
  premium := floor(inst.inventory::numeric * 1000000 / inst.depth);
  premium := greatest(-inst.mark_clamp_ppm, least(inst.mark_clamp_ppm, premium));
  mark := inst.index_px + floor(inst.index_px::numeric * premium / 1000000);
  UPDATE instruments SET inventory = inst.inventory, seq = seq + 1, version = version + 1,
    bid_px = inst.bid_px, ask_px = inst.ask_px, mark_px = mark WHERE idx = ix
    RETURNING seq, version INTO inst.seq, inst.version;
  UPDATE wallets SET cash_e4 = cash_e4 - paid, version = version + 1
    WHERE user_id = uid AND mode = 'paper' RETURNING * INTO wallet;
  UPDATE holdings SET qty = qty + sign * quantity, cost_e4 = held.cost_e4, version = version + 1
    WHERE user_id = uid AND idx = ix RETURNING * INTO held;
  INSERT INTO peer_ticks VALUES (ix, inst.seq, inst.index_px, inst.inventory, inst.bid_px,
    inst.ask_px, mark, mid);
  UPDATE wallets SET cash_e4 = cash_e4 + paid, version = version + 1
    WHERE user_id = 0 AND mode = 'paper' RETURNING * INTO house;
  INSERT INTO trades (id, user_id, idx, side, qty, px, value_e4, fee_e4, realized_e4, seq, tick_id,
    idem_key, fingerprint, executed_at, cash_after_e4, locked_after_e4, wallet_version,
    treasury_after_e4, treasury_version, qty_after, cost_after_e4, holding_version, inventory_after,
    instrument_version)
  VALUES (trade, uid, ix, sd, quantity, px, val, charge, gain, inst.seq, inst.seq, idem, print,
    now(), wallet.cash_e4, wallet.locked_e4, wallet.version, house.cash_e4, house.version, held.qty, held.cost_e4,
    held.version, inst.inventory, inst.version);
  res := jsonb_build_object('id', trade, 'px', px, 'val', val, 'fee', charge, 'rpnl', gain,
    'seq', inst.seq, 'cash', wallet.cash_e4, 'hqty', held.qty);
  INSERT INTO peer_idem VALUES (uid, idem, print, res);
  RETURN res;
END $$;
