-- Touchline's durable state: what an empty database gets.
--
-- Units: _e4 and money are 1e-4 coin, _px are 1e-4 coin a share, qty,
-- inventory, depth and the caps are 1e-3 share, _bps and _ppm are parts of
-- 10,000 and of 1,000,000. All of them are integers: never `money`, never
-- float. Version columns hold epoch * 2^32 + n; see
-- docs/decisions/0009-redis-is-put-back-where-it-is-behind.md.
--
-- Facts (trades, wallet_ledger, cfd_events; orders but for these) carry post-images: the balances
-- and versions right after the fact. Reconciliation and rehydration stand on
-- them. States (wallets, holdings, instruments, cfd_positions) are caches of
-- the facts, written only where the version grows. A fact's turn is its place in
-- the one order of all facts of all users; see docs/decisions/0037.

-- What has been applied to this database: this file as number 1, then those in
-- migrations/; see docs/decisions/0019-schema-in-numbered-files.md.
CREATE TABLE schema_files (
    number     INT PRIMARY KEY,
    name       TEXT NOT NULL,
    checksum   TEXT NOT NULL,  -- SHA-256 of the file
    additive   BOOL NOT NULL,  -- programs that do not know it go on working
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Upper half of every version written after Redis had to be rebuilt.
CREATE SEQUENCE redis_epoch;

-- A leaseholder takes a new token with its lease; a transaction under an older
-- token than the one stored here changes nothing.
CREATE SEQUENCE fence_token;
CREATE TABLE fence (
    name  TEXT PRIMARY KEY,
    token BIGINT NOT NULL
);

-- Each time Redis is put back a new life of it begins; its number, an epoch, is the token of the
-- fence "redis". What was read from Redis in an earlier life does not get past here: a write
-- under way is waited for by whoever begins the next life, and a later one fails (TL001).
CREATE FUNCTION in_life(life BIGINT) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7300002);
    IF life < (SELECT token FROM fence WHERE name = 'redis') THEN
        RAISE EXCEPTION 'Redis has been put back since life % of it', life USING ERRCODE = 'TL001';
    END IF;
END $$;

-- People ---------------------------------------------------------------------

CREATE TABLE users (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    google_iss     TEXT,
    google_sub     TEXT,
    email          TEXT NOT NULL,
    email_verified BOOL NOT NULL DEFAULT false,
    display_name   TEXT NOT NULL UNIQUE,
    name_key       TEXT UNIQUE,  -- the name as names are compared: domain/names.py
    settings       JSON NOT NULL DEFAULT '{}',  -- what clients keep for their user, as they sent it
    avatar_url     TEXT,
    role           TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    status         TEXT NOT NULL DEFAULT 'active'
                   CHECK (status IN ('active', 'suspended', 'deleted')),
    rights_version INT NOT NULL DEFAULT 0,  -- how often operators have changed these two
    is_bot         BOOL NOT NULL DEFAULT false,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_login_at  TIMESTAMPTZ,
    UNIQUE (google_iss, google_sub)
);
-- Who signs in with Google is issuer and subject; their address may change, pass to somebody else
-- and come back. It is a name only for those who have nothing else (AUTH_DEV, the house).
CREATE UNIQUE INDEX users_email ON users (lower(email)) WHERE google_iss IS NULL;
CREATE INDEX users_any_email ON users (lower(email));

-- User 0 is the treasury, the house: counterparty of every trade and grant.
INSERT INTO users (id, email, email_verified, display_name, name_key)
OVERRIDING SYSTEM VALUE
VALUES (0, 'treasury@touchline.invalid', true, 'Treasury', 'treasury')
ON CONFLICT (id) DO NOTHING;

-- One sign-in, and the family of all refresh tokens that followed from it; see
-- docs/decisions/0034-signing-in.md. Of the tokens only SHA-256 digests are here.
CREATE TABLE sessions (
    id           UUID PRIMARY KEY,
    user_id      BIGINT NOT NULL REFERENCES users,
    refresh_hash BYTEA NOT NULL UNIQUE,  -- of the one that is good
    prev_hash    BYTEA,                  -- of the one it came from
    rotated_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    user_agent   TEXT,
    ip           INET,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at   TIMESTAMPTZ NOT NULL,
    revoked_at   TIMESTAMPTZ
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Football -------------------------------------------------------------------

CREATE TABLE leagues (
    id         INT PRIMARY KEY,
    name       TEXT NOT NULL,
    weight_bps INT NOT NULL DEFAULT 600,
    active     BOOL NOT NULL DEFAULT true
);

CREATE TABLE teams (
    id         INT PRIMARY KEY,
    name       TEXT NOT NULL,
    short_code TEXT,
    image_path TEXT,
    rating     INT NOT NULL DEFAULT 1500
);

CREATE TABLE fixtures (
    id            BIGINT PRIMARY KEY,
    league_id     INT REFERENCES leagues,
    round_id      INT,
    home_team_id  INT NOT NULL REFERENCES teams,
    away_team_id  INT NOT NULL REFERENCES teams,
    starting_at   TIMESTAMPTZ NOT NULL,
    state         TEXT NOT NULL,
    phase         TEXT NOT NULL,
    e_kickoff_bps INT,
    rating_lead   INT,  -- home rating minus away rating at kick-off
    pre_home_px   BIGINT,
    pre_away_px   BIGINT,
    settled_at    TIMESTAMPTZ,
    voided_at     TIMESTAMPTZ,  -- an operator has said that it counts for nothing
    ruled_at      TIMESTAMPTZ,  -- an operator has said what it came to; the feed is not heard again
    -- The fact of the first settlement: the instruments, their base prices right after it, and
    -- the versions that had them first. What was said later is in fixture_corrections.
    home_idx      INT,
    away_idx      INT,
    post_home_px  BIGINT,
    home_version  BIGINT,
    post_away_px  BIGINT,
    away_version  BIGINT,
    -- As last seen, and once settled the result: the score after extra time;
    -- the penalties are those of a shoot-out.
    minute         SMALLINT NOT NULL DEFAULT 0,
    home_goals     SMALLINT NOT NULL DEFAULT 0,
    away_goals     SMALLINT NOT NULL DEFAULT 0,
    home_reds      SMALLINT NOT NULL DEFAULT 0,
    away_reds      SMALLINT NOT NULL DEFAULT 0,
    home_penalties SMALLINT,
    away_penalties SMALLINT,
    raw           JSONB,
    updated_at    TIMESTAMPTZ NOT NULL,
    CHECK (settled_at IS NULL OR voided_at IS NULL)
);
CREATE INDEX fixtures_open ON fixtures (starting_at) WHERE settled_at IS NULL;
CREATE INDEX fixtures_phase ON fixtures (phase, starting_at);

-- Results that operators have set or taken back, or that the feed has put right, each a fact like
-- the first settlement. Without goals it is void, and the base prices are those before the match.
CREATE TABLE fixture_corrections (
    fixture_id   BIGINT REFERENCES fixtures,
    number       INT,
    home_goals   SMALLINT,
    away_goals   SMALLINT,
    home_idx     INT NOT NULL,
    home_px      BIGINT NOT NULL,
    home_version BIGINT NOT NULL,
    away_idx     INT NOT NULL,
    away_px      BIGINT NOT NULL,
    away_version BIGINT NOT NULL,
    corrected_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (fixture_id, number)
);

-- One row whenever the score, the cards, the minute's state or the source
-- changed; the last row is the result. Penalties are those of a shoot-out.
CREATE TABLE match_scores (
    fixture_id     BIGINT REFERENCES fixtures,
    seq            INT NOT NULL,
    home           SMALLINT NOT NULL,
    away           SMALLINT NOT NULL,
    home_reds      SMALLINT NOT NULL DEFAULT 0,
    away_reds      SMALLINT NOT NULL DEFAULT 0,
    home_penalties SMALLINT,
    away_penalties SMALLINT,
    minute         SMALLINT,
    state          TEXT NOT NULL,
    source_hash    BYTEA NOT NULL,
    observed_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (fixture_id, seq)
);

CREATE TABLE match_events (
    fixture_id   BIGINT,
    event_id     BIGINT,
    type         TEXT,
    team_id      INT,
    minute       SMALLINT,
    extra_minute SMALLINT,
    player       TEXT,
    info         TEXT,
    first_seen   TIMESTAMPTZ NOT NULL,
    rescinded_at TIMESTAMPTZ,  -- since when it is listed as taken back
    vanished_at  TIMESTAMPTZ,  -- since when it is listed no more
    PRIMARY KEY (fixture_id, event_id)
);

-- Only changed bodies are kept: the source for replaying a match.
CREATE TABLE feed_snapshots (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fixture_id  BIGINT NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    body        JSONB NOT NULL
);
CREATE INDEX feed_snapshots_fixture ON feed_snapshots (fixture_id, observed_at);

-- Market ---------------------------------------------------------------------

CREATE TABLE instruments (
    idx             INT PRIMARY KEY CHECK (idx BETWEEN 1 AND 9999),
    symbol          TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    kind            TEXT NOT NULL DEFAULT 'team',
    team_id         INT UNIQUE REFERENCES teams,
    listed_by       TEXT UNIQUE,  -- the act of an operator; NULL: it came with its team
    base_px         BIGINT NOT NULL,
    index_px        BIGINT NOT NULL CHECK (index_px BETWEEN 5000 AND 10000000),
    index_min_px    BIGINT NOT NULL DEFAULT 5000,
    index_max_px    BIGINT NOT NULL DEFAULT 10000000,
    offset_bps      INT NOT NULL DEFAULT 0,
    inventory       BIGINT NOT NULL DEFAULT 0,
    short_interest  BIGINT NOT NULL DEFAULT 0 CHECK (short_interest >= 0),
    depth           BIGINT NOT NULL CHECK (depth BETWEEN 1000000 AND 100000000),
    qcap            BIGINT NOT NULL,
    user_cap        BIGINT NOT NULL,
    half_spread_ppm INT NOT NULL,
    fee_ppm         INT NOT NULL,
    order_max       BIGINT NOT NULL,
    max_leverage    SMALLINT NOT NULL,
    mark_clamp_ppm  INT NOT NULL,
    halt            INT NOT NULL DEFAULT 0,
    phase           TEXT NOT NULL DEFAULT 'scheduled',
    seq             BIGINT NOT NULL DEFAULT 0,
    bid_px          BIGINT,
    ask_px          BIGINT,
    mark_px         BIGINT,
    last_tick_id    TEXT,
    version         BIGINT NOT NULL DEFAULT 0,
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CHECK (abs(inventory) <= qcap)
);

-- What operators want of the market; see docs/market.md, "Operators". Each act has the next number,
-- which orders them in Redis too, and is the version of the row.
CREATE SEQUENCE rule_number;

CREATE TABLE market_mode (
    one      BOOL PRIMARY KEY DEFAULT true CHECK (one),
    mode     TEXT NOT NULL CHECK (mode IN ('enabled', 'reduce_only', 'halted')),
    note     TEXT NOT NULL,    -- why, for clients
    since_ms BIGINT NOT NULL,  -- calendar
    version  BIGINT NOT NULL
);

CREATE TABLE instrument_halts (
    idx     INT PRIMARY KEY REFERENCES instruments,
    mode    TEXT NOT NULL CHECK (mode IN ('enabled', 'reduce_only', 'halted')),
    note    TEXT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE instrument_limits (
    idx             INT PRIMARY KEY REFERENCES instruments,
    version         BIGINT NOT NULL,
    depth           BIGINT NOT NULL,
    qcap            BIGINT NOT NULL,
    user_cap        BIGINT NOT NULL,
    half_spread_ppm INT NOT NULL,
    fee_ppm         INT NOT NULL,
    order_max       BIGINT NOT NULL,
    max_leverage    SMALLINT NOT NULL,
    mark_clamp_ppm  INT NOT NULL
);

-- Whether bots may trade; they may where nobody has said so. See docs/decisions/0043.
CREATE TABLE bot_switch (
    one      BOOL PRIMARY KEY DEFAULT true CHECK (one),
    enabled  BOOL NOT NULL,
    note     TEXT NOT NULL,    -- why
    since_ms BIGINT NOT NULL,  -- calendar
    version  BIGINT NOT NULL
);

-- What each bot was worth when it was first looked at in a day of the calendar (UTC): what it may
-- lose in that day is counted from there.
CREATE TABLE bot_days (
    day            DATE,
    user_id        BIGINT REFERENCES users,
    equity_e4      BIGINT NOT NULL,
    wallet_version BIGINT NOT NULL,
    PRIMARY KEY (day, user_id)
);

CREATE TABLE wallets (
    user_id    BIGINT REFERENCES users,
    mode       TEXT NOT NULL DEFAULT 'paper' CHECK (mode IN ('paper', 'real')),
    cash_e4    BIGINT NOT NULL,
    locked_e4  BIGINT NOT NULL DEFAULT 0 CHECK (locked_e4 >= 0),
    version    BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, mode),
    CHECK (cash_e4 >= 0 OR user_id = 0)
);

CREATE TABLE holdings (
    user_id BIGINT REFERENCES users,
    idx     INT REFERENCES instruments,
    qty     BIGINT NOT NULL CHECK (qty >= 0),
    cost_e4 BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (user_id, idx)
);
CREATE INDEX holdings_idx ON holdings (idx);

-- Grants, prizes and adjustments. Every row is double entry: amount to
-- user_id, the same amount out of counter_user_id.
CREATE TABLE wallet_ledger (
    id                UUID PRIMARY KEY,
    user_id           BIGINT NOT NULL REFERENCES users,
    mode              TEXT NOT NULL DEFAULT 'paper',
    kind              TEXT NOT NULL,
    amount_e4         BIGINT NOT NULL,
    counter_user_id   BIGINT NOT NULL DEFAULT 0,
    ref_type          TEXT,
    ref_id            TEXT,
    idem_key          TEXT UNIQUE,
    actor             TEXT,
    note              TEXT,
    created_at        TIMESTAMPTZ NOT NULL,
    cash_after_e4     BIGINT NOT NULL,
    locked_after_e4   BIGINT NOT NULL,
    wallet_version    BIGINT NOT NULL,
    treasury_after_e4 BIGINT NOT NULL,
    treasury_version  BIGINT NOT NULL,
    turn              BIGINT,
    recorded_at       TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX wallet_ledger_user ON wallet_ledger (user_id, created_at DESC);
CREATE INDEX wallet_ledger_turn ON wallet_ledger (user_id, turn);

CREATE TABLE trades (
    id                 UUID PRIMARY KEY,
    user_id            BIGINT NOT NULL REFERENCES users,
    idx                INT NOT NULL REFERENCES instruments,
    side               TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    qty                BIGINT NOT NULL CHECK (qty > 0),
    px                 BIGINT NOT NULL CHECK (px > 0),
    value_e4           BIGINT NOT NULL,
    fee_e4             BIGINT NOT NULL CHECK (fee_e4 >= 0),
    realized_e4        BIGINT NOT NULL DEFAULT 0,
    seq                BIGINT NOT NULL,
    tick_id            TEXT NOT NULL,
    idem_key           TEXT NOT NULL,
    fingerprint        TEXT NOT NULL,  -- of the request, for replays after a Redis loss
    client_order_id    TEXT,
    executed_at        TIMESTAMPTZ NOT NULL,
    cash_after_e4      BIGINT NOT NULL,
    locked_after_e4    BIGINT NOT NULL,
    wallet_version     BIGINT NOT NULL,
    treasury_after_e4  BIGINT NOT NULL,
    treasury_version   BIGINT NOT NULL,
    qty_after          BIGINT NOT NULL,
    cost_after_e4      BIGINT NOT NULL,
    holding_version    BIGINT NOT NULL,
    inventory_after    BIGINT NOT NULL,
    instrument_version BIGINT NOT NULL,
    turn               BIGINT,
    recorded_at        TIMESTAMPTZ NOT NULL DEFAULT now(),  -- real time, whatever the calendar
    UNIQUE (idx, seq)          -- every trade has its own tick
);
-- idem_key and client_order_id are not unique: scripts remember both for 24 h, and one used again
-- later makes a real trade; see docs/decisions/0008. Reconcile finds two within 24 h.
CREATE INDEX trades_recorded ON trades USING brin (recorded_at);
CREATE INDEX trades_at ON trades USING brin (executed_at);
CREATE INDEX trades_user ON trades (user_id, executed_at DESC, id DESC);
CREATE INDEX trades_turn ON trades (user_id, turn);

-- Orders that wait or have waited in play; one that was filled has its id in
-- common with its trade. Facts that change once: pending first, then done.
CREATE TABLE orders (
    id              UUID PRIMARY KEY,
    user_id         BIGINT NOT NULL REFERENCES users,
    idx             INT NOT NULL REFERENCES instruments,
    kind            TEXT NOT NULL,
    payload         JSONB NOT NULL,
    idem_key        TEXT NOT NULL,
    fingerprint     TEXT NOT NULL,  -- of the request, for replays after a Redis loss
    client_order_id TEXT,
    accepted_at     TIMESTAMPTZ NOT NULL,
    release_at      TIMESTAMPTZ NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('pending', 'filled', 'rejected')),
    done_at         TIMESTAMPTZ,
    reject_code     TEXT,
    reject_details  JSONB,
    reserved_e4     BIGINT NOT NULL,  -- set aside while it waits
    turn            BIGINT,           -- of the last of its facts
    recorded_at     TIMESTAMPTZ NOT NULL DEFAULT now(),  -- real time, of the first of its facts
    CHECK ((status = 'pending') = (done_at IS NULL)),
    CHECK ((status = 'rejected') = (reject_code IS NOT NULL))
);
CREATE INDEX orders_user ON orders (user_id, accepted_at DESC, id DESC);
CREATE INDEX orders_pending ON orders (release_at) WHERE status = 'pending';
CREATE INDEX orders_rejected ON orders (user_id, turn) WHERE status = 'rejected';
CREATE INDEX orders_recorded ON orders USING brin (recorded_at);

-- Every event of a CFD position: its opening, each change, each close of a part.
-- A row holds what happened and all that it left, the position in whole; see
-- docs/decisions/0014-one-ledger-of-position-events.md. A change touches no
-- instrument: its instrument columns only say what the moment was.
CREATE TABLE cfd_events (
    id                   UUID PRIMARY KEY,
    kind                 TEXT NOT NULL CHECK (kind IN ('open', 'change', 'close')),
    position_id          UUID NOT NULL,  -- refers to nothing: facts come in any order
    number               INT NOT NULL CHECK (number > 0),
    user_id              BIGINT NOT NULL REFERENCES users,
    idx                  INT NOT NULL REFERENCES instruments,
    side                 TEXT NOT NULL CHECK (side IN ('long', 'short')),
    qty                  BIGINT NOT NULL CHECK (qty >= 0),  -- opened or closed
    px                   BIGINT CHECK (px > 0),             -- NULL if nothing was traded
    value_e4             BIGINT NOT NULL,
    fee_e4               BIGINT NOT NULL CHECK (fee_e4 >= 0),
    pnl_e4               BIGINT NOT NULL,
    shortfall_e4         BIGINT NOT NULL CHECK (shortfall_e4 >= 0),
    margin_moved_e4      BIGINT NOT NULL,  -- reserved, or released if negative
    made_by              TEXT NOT NULL,
    reason               TEXT,             -- of a close
    trigger_tick_id      TEXT,             -- of a close by a tick, and what was compared
    trigger_quote_px     BIGINT,
    trigger_level_px     BIGINT,
    trigger_index_px     BIGINT,           -- what a close was priced by
    approximate          BOOL NOT NULL,
    idem_key             TEXT,
    fingerprint          TEXT,             -- of the request, for replays after a Redis loss
    client_order_id      TEXT,
    happened_at          TIMESTAMPTZ NOT NULL,
    qty_open             BIGINT NOT NULL,  -- from here on: the position
    qty_after            BIGINT NOT NULL CHECK (qty_after >= 0),
    leverage             SMALLINT NOT NULL,
    entry_px             BIGINT NOT NULL,
    open_value_e4        BIGINT NOT NULL,
    margin_e4            BIGINT NOT NULL CHECK (margin_e4 >= 0),
    liq_px               BIGINT NOT NULL,
    sl_px                BIGINT,
    tp_px                BIGINT,
    trail_px             BIGINT,
    best_px              BIGINT,
    open_tick_id         TEXT NOT NULL,
    open_seq             BIGINT NOT NULL,
    checked_tick_id      TEXT NOT NULL,
    checked_seq          BIGINT NOT NULL,
    fees_e4              BIGINT NOT NULL,
    realized_e4          BIGINT NOT NULL,
    warned               BOOL NOT NULL,
    opened_at            TIMESTAMPTZ NOT NULL,
    closed_at            TIMESTAMPTZ,
    close_reason         TEXT,
    position_version     BIGINT NOT NULL,
    cash_after_e4        BIGINT NOT NULL,  -- from here on: wallets and instrument
    locked_after_e4      BIGINT NOT NULL,
    wallet_version       BIGINT NOT NULL,
    treasury_after_e4    BIGINT NOT NULL,
    treasury_version     BIGINT NOT NULL,
    inventory_after      BIGINT NOT NULL,
    short_interest_after BIGINT NOT NULL,
    instrument_version   BIGINT NOT NULL,
    seq                  BIGINT NOT NULL,
    tick_id              TEXT NOT NULL,
    turn                 BIGINT,
    recorded_at          TIMESTAMPTZ NOT NULL DEFAULT now(),  -- real time, whatever the calendar
    -- The last of the nets under "closed once": two events cannot both be the next one.
    UNIQUE (position_id, number)
);
CREATE INDEX cfd_events_recorded ON cfd_events USING brin (recorded_at);
CREATE INDEX cfd_events_at ON cfd_events USING brin (happened_at);
CREATE INDEX cfd_events_turn ON cfd_events (user_id, turn);
CREATE INDEX cfd_events_closes ON cfd_events (user_id, happened_at) WHERE kind = 'close';
-- What was traded, by the instrument's own number of the tick it made: for the public tape.
CREATE INDEX cfd_events_tape ON cfd_events (idx, seq) WHERE px IS NOT NULL;

CREATE TABLE cfd_positions (
    id              UUID PRIMARY KEY,
    user_id         BIGINT NOT NULL REFERENCES users,
    idx             INT NOT NULL REFERENCES instruments,
    side            TEXT NOT NULL CHECK (side IN ('long', 'short')),
    qty_open        BIGINT NOT NULL,
    qty             BIGINT NOT NULL CHECK (qty >= 0),
    leverage        SMALLINT NOT NULL,
    entry_px        BIGINT NOT NULL,
    open_value_e4   BIGINT NOT NULL,
    margin_e4       BIGINT NOT NULL CHECK (margin_e4 >= 0),
    liq_px          BIGINT NOT NULL,
    sl_px           BIGINT,
    tp_px           BIGINT,
    trail_px        BIGINT,
    best_px         BIGINT,  -- what the trailing stop has followed to
    open_tick_id    TEXT NOT NULL,
    open_seq        BIGINT NOT NULL,
    checked_tick_id TEXT NOT NULL,
    checked_seq     BIGINT NOT NULL,
    fees_e4         BIGINT NOT NULL,
    realized_e4     BIGINT NOT NULL,
    number          INT NOT NULL,  -- of the last event
    warned          BOOL NOT NULL,
    opened_at       TIMESTAMPTZ NOT NULL,
    closed_at       TIMESTAMPTZ,
    close_reason    TEXT,
    version         BIGINT NOT NULL,
    CHECK ((closed_at IS NULL) = (qty > 0)),
    CHECK ((closed_at IS NULL) = (close_reason IS NULL))
);
CREATE INDEX cfd_open_by_user ON cfd_positions (user_id, opened_at DESC, id DESC)
    WHERE closed_at IS NULL;
CREATE INDEX cfd_closed_by_user ON cfd_positions (user_id, closed_at DESC, id DESC)
    WHERE closed_at IS NOT NULL;

-- For people who look.
CREATE VIEW cfd_closes AS
SELECT position_id, number, user_id, idx, side, qty, px, value_e4, -margin_moved_e4 AS margin_e4,
       pnl_e4, fee_e4, shortfall_e4, reason, made_by, trigger_tick_id, trigger_quote_px,
       trigger_level_px, trigger_index_px, approximate, happened_at
  FROM cfd_events
 WHERE kind = 'close';

-- Facts that a constraint refused: parked, retried with backoff, never dropped.
-- A malformed one lacks a field or holds nonsense and waits for a person.
CREATE TABLE trade_outbox (
    id            UUID PRIMARY KEY,
    payload       JSONB NOT NULL,
    malformed     BOOL NOT NULL DEFAULT false,
    attempts      INT NOT NULL DEFAULT 0,
    next_retry_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_error    TEXT,
    dead          BOOL NOT NULL DEFAULT false,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX trade_outbox_due ON trade_outbox (next_retry_at) WHERE NOT dead;
CREATE TABLE position_outbox (LIKE trade_outbox INCLUDING ALL);

-- The parked facts that the ledger lacks. One may be in both until it is tried
-- again: what refused it is gone, and a Redis that lost its newest brings it
-- once more.
CREATE VIEW parked_facts AS
SELECT * FROM trade_outbox AS o
 WHERE NOT malformed AND NOT EXISTS (SELECT FROM trades t WHERE t.id = o.id)
   AND NOT EXISTS (SELECT FROM wallet_ledger l WHERE l.id = o.id);
CREATE VIEW parked_events AS
SELECT * FROM position_outbox AS o
 WHERE NOT malformed AND NOT EXISTS (SELECT FROM cfd_events e WHERE e.id = o.id);

-- Every event of a position, the parked ones too, as far as the books are
-- proved by it.
CREATE VIEW position_postings AS
SELECT id AS fact_id, kind, position_id, number, user_id, idx, side, qty, px, value_e4, fee_e4,
       pnl_e4, shortfall_e4, margin_moved_e4, reason, idem_key, qty_open, qty_after, leverage,
       entry_px, open_value_e4, margin_e4, liq_px, sl_px, tp_px, trail_px, open_tick_id, open_seq,
       fees_e4, realized_e4, opened_at, closed_at, close_reason, position_version,
       cash_after_e4, locked_after_e4, wallet_version, treasury_after_e4, treasury_version,
       inventory_after, short_interest_after, instrument_version, seq, tick_id, recorded_at
  FROM cfd_events
UNION ALL
SELECT id, p->>'k', (p->>'id')::uuid, (p->>'no')::int, (p->>'uid')::bigint, (p->>'idx')::int,
       p->>'side', (p->>'tqty')::bigint, nullif(p->>'px', '')::bigint, (p->>'val')::bigint,
       (p->>'fee')::bigint, (p->>'pnl')::bigint, (p->>'loss')::bigint, (p->>'dm')::bigint,
       nullif(p->>'reason', ''), nullif(p->>'idem', ''), (p->>'qty0')::bigint,
       (p->>'qty')::bigint, (p->>'lev')::smallint, (p->>'entry')::bigint, (p->>'oval')::bigint,
       (p->>'margin')::bigint, (p->>'liq')::bigint, nullif(p->>'sl', '')::bigint,
       nullif(p->>'tp', '')::bigint, nullif(p->>'trail', '')::bigint, p->>'otick',
       (p->>'os')::bigint, (p->>'fees')::bigint, (p->>'rpnl')::bigint,
       TIMESTAMPTZ 'epoch' + (p->>'at')::bigint * INTERVAL '1 millisecond',
       TIMESTAMPTZ 'epoch' + nullif(p->>'cat', '')::bigint * INTERVAL '1 millisecond',
       nullif(p->>'why', ''), (p->>'v')::bigint,
       (p->>'cash')::bigint, (p->>'locked')::bigint, (p->>'wv')::bigint, (p->>'tcash')::bigint,
       (p->>'tv')::bigint, (p->>'q')::bigint, (p->>'so')::bigint, (p->>'iv')::bigint,
       (p->>'seq')::bigint, p->>'tick', created_at
  FROM (SELECT id, payload AS p, created_at FROM parked_events) AS parked;

-- Every wallet's side of every fact, the parked ones too: who, at which of the
-- wallet's versions, by how much, and what was free and reserved right after
-- it. The treasury's version orders all facts, since each of them passes
-- through the treasury.
CREATE VIEW wallet_postings AS
WITH facts AS (
    SELECT id, user_id, wallet_version, treasury_version,
           CASE side WHEN 'buy' THEN -value_e4 - fee_e4 ELSE value_e4 - fee_e4 END AS delta_e4,
           0::bigint AS locked_delta_e4, cash_after_e4, locked_after_e4, treasury_after_e4
      FROM trades
    UNION ALL
    SELECT id, user_id, wallet_version, treasury_version, amount_e4, 0,
           cash_after_e4, locked_after_e4, treasury_after_e4
      FROM wallet_ledger
    UNION ALL
    SELECT id, (payload->>'uid')::bigint, (payload->>'wv')::bigint, (payload->>'tv')::bigint,
           CASE WHEN payload->>'k' = 'grant' THEN (payload->>'amount')::bigint
                WHEN payload->>'side' = 'buy'
                THEN -(payload->>'val')::bigint - (payload->>'fee')::bigint
                ELSE (payload->>'val')::bigint - (payload->>'fee')::bigint END,
           0, (payload->>'cash')::bigint, (payload->>'locked')::bigint,
           (payload->>'tcash')::bigint
      FROM parked_facts
     WHERE payload->>'k' IN ('trade', 'grant')
    UNION ALL
    SELECT fact_id, user_id, wallet_version, treasury_version, pnl_e4 - fee_e4 - margin_moved_e4,
           margin_moved_e4, cash_after_e4, locked_after_e4, treasury_after_e4
      FROM position_postings
)
SELECT id AS fact_id, user_id, wallet_version AS version, treasury_version,
       delta_e4, locked_delta_e4, cash_after_e4, locked_after_e4
  FROM facts
UNION ALL
SELECT id, 0, treasury_version, treasury_version,
       -delta_e4 - locked_delta_e4, 0, treasury_after_e4, 0
  FROM facts;

-- When each fact of money happened, by the calendar, the parked ones too. The treasury's version
-- orders them; a replica's clock may lag behind another's, so these instants need not rise with it.
CREATE VIEW fact_moments AS
SELECT 'trade' AS kind, user_id, executed_at AS at, treasury_version FROM trades
UNION ALL
SELECT 'grant', user_id, created_at, treasury_version FROM wallet_ledger
UNION ALL
SELECT kind, user_id, happened_at, treasury_version FROM cfd_events
UNION ALL
SELECT payload->>'k', (payload->>'uid')::bigint,
       TIMESTAMPTZ 'epoch' + (payload->>'at')::bigint * INTERVAL '1 millisecond',
       (payload->>'tv')::bigint
  FROM parked_facts
 WHERE payload->>'k' IN ('trade', 'grant')
UNION ALL
SELECT payload->>'k', (payload->>'uid')::bigint,
       TIMESTAMPTZ 'epoch' + (payload->>'ms')::bigint * INTERVAL '1 millisecond',
       (payload->>'tv')::bigint
  FROM parked_events;

-- Every trade's effect on its holding, the parked ones too.
CREATE VIEW share_postings AS
SELECT id AS fact_id, user_id, idx, treasury_version,
       CASE side WHEN 'buy' THEN qty ELSE -qty END AS delta_qty,
       qty_after, cost_after_e4, holding_version
  FROM trades
UNION ALL
SELECT id, (payload->>'uid')::bigint, (payload->>'idx')::int, (payload->>'tv')::bigint,
       CASE WHEN payload->>'side' = 'buy' THEN (payload->>'qty')::bigint
            ELSE -(payload->>'qty')::bigint END,
       (payload->>'hqty')::bigint, (payload->>'hcost')::bigint, (payload->>'hv')::bigint
  FROM parked_facts
 WHERE payload->>'k' = 'trade';

-- Every effect on what the house has sold of an instrument, and on what it owes
-- to shorts, the parked ones too: of trades, and of positions that grew or
-- shrank. A trade leaves the shorts alone and says nothing of them.
CREATE VIEW inventory_postings AS
SELECT id AS fact_id, idx, treasury_version,
       CASE side WHEN 'buy' THEN qty ELSE -qty END AS delta_qty, 0::bigint AS short_delta_qty,
       inventory_after, NULL::bigint AS short_interest_after, instrument_version, seq, tick_id
  FROM trades
UNION ALL
SELECT id, (payload->>'idx')::int, (payload->>'tv')::bigint,
       CASE WHEN payload->>'side' = 'buy' THEN (payload->>'qty')::bigint
            ELSE -(payload->>'qty')::bigint END, 0,
       (payload->>'q')::bigint, NULL, (payload->>'iv')::bigint, (payload->>'seq')::bigint,
       payload->>'tick'
  FROM parked_facts
 WHERE payload->>'k' = 'trade'
UNION ALL
SELECT fact_id, idx, treasury_version,
       CASE WHEN (kind = 'open') = (side = 'long') THEN qty ELSE -qty END,
       CASE WHEN side = 'long' THEN 0 WHEN kind = 'open' THEN qty ELSE -qty END,
       inventory_after, short_interest_after, instrument_version, seq, tick_id
  FROM position_postings
 WHERE kind <> 'change';

-- Every base price that a result made, or an operator's word on one; nothing else changes one.
CREATE VIEW base_postings AS
SELECT f.id AS fixture_id, coalesce(f.home_idx, i.idx) AS idx, f.post_home_px AS base_px,
       f.home_version AS instrument_version
  FROM fixtures f LEFT JOIN instruments i ON i.team_id = f.home_team_id
 WHERE f.post_home_px IS NOT NULL AND coalesce(f.home_idx, i.idx) IS NOT NULL
UNION ALL
SELECT f.id, coalesce(f.away_idx, i.idx), f.post_away_px, f.away_version
  FROM fixtures f LEFT JOIN instruments i ON i.team_id = f.away_team_id
 WHERE f.post_away_px IS NOT NULL AND coalesce(f.away_idx, i.idx) IS NOT NULL
UNION ALL
SELECT fixture_id, home_idx, home_px, home_version FROM fixture_corrections
UNION ALL
SELECT fixture_id, away_idx, away_px, away_version FROM fixture_corrections;

-- What prices did in each second (kept for 48 h), minute, hour and day of the
-- calendar. o, h, l and c are of the mid; the extremes of index (f), bid, ask
-- and mark are of the ticks that can close a position, so they are NULL where a
-- halt was on all along.
CREATE TABLE price_candles (
    idx       INT,
    iv        CHAR(2),
    t         TIMESTAMPTZ,
    o         BIGINT NOT NULL,
    h         BIGINT NOT NULL,
    l         BIGINT NOT NULL,
    c         BIGINT NOT NULL,
    f_l       BIGINT,
    f_h       BIGINT,
    bid_l     BIGINT,
    bid_h     BIGINT,
    ask_l     BIGINT,
    ask_h     BIGINT,
    mark_l    BIGINT,
    mark_h    BIGINT,
    vol       BIGINT NOT NULL CHECK (vol >= 0),
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL,
    PRIMARY KEY (idx, iv, t),
    CHECK (l <= least(o, c) AND h >= greatest(o, c))
) PARTITION BY LIST (iv);
CREATE TABLE price_candles_1s PARTITION OF price_candles FOR VALUES IN ('1s');
CREATE TABLE price_candles_1m PARTITION OF price_candles FOR VALUES IN ('1m');
CREATE TABLE price_candles_1h PARTITION OF price_candles FOR VALUES IN ('1h');
CREATE TABLE price_candles_1d PARTITION OF price_candles FOR VALUES IN ('1d');

-- The last tick of each club that is in its candles, and the inventory it left.
-- Written in the transaction that writes the candles.
CREATE TABLE candle_cursors (
    idx       INT PRIMARY KEY,
    tick_id   TEXT NOT NULL DEFAULT '0-0',
    seq       BIGINT NOT NULL DEFAULT 0,
    inventory BIGINT NOT NULL DEFAULT 0
);

-- The ticks that each club had in each week, a tick of the instant at which the week ends included:
-- the numbers of the first and the last of them, and the last one's mark. Written in the
-- transaction that puts the ticks into candles.
CREATE TABLE week_prices (
    idx       INT,
    iso_week  TEXT,
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL,
    tick_id   TEXT NOT NULL,
    mark_px   BIGINT NOT NULL,
    PRIMARY KEY (idx, iso_week)
);

-- Boards and prizes ----------------------------------------------------------

-- Weeks of the calendar whose openings have been written, all of one week's at once.
CREATE TABLE leaderboard_weeks (
    iso_week    TEXT PRIMARY KEY,  -- such as 2026-W43
    opened_at   TIMESTAMPTZ NOT NULL,
    frozen_at   TIMESTAMPTZ,      -- NULL until all of its boards are in leaderboard_weekly
    approximate BOOL NOT NULL DEFAULT false  -- a price of its end was not known to the tick
);

-- What every user was worth when a week was opened, and as of which of their wallet's versions. Who
-- has no row in a week that has been opened joined within it.
CREATE TABLE equity_snapshots (
    iso_week       TEXT REFERENCES leaderboard_weeks,
    user_id        BIGINT REFERENCES users,
    equity_e4      BIGINT NOT NULL,
    wallet_version BIGINT NOT NULL,
    PRIMARY KEY (iso_week, user_id)
);

-- The final boards of weeks that have ended; a row is written with the week's frozen_at, and never
-- changed.
CREATE TABLE leaderboard_weekly (
    iso_week TEXT REFERENCES leaderboard_weeks,
    board    TEXT CHECK (board IN ('people', 'bots')),
    rank     INT CHECK (rank > 0),
    user_id  BIGINT NOT NULL REFERENCES users,
    score_e4 BIGINT NOT NULL,
    PRIMARY KEY (iso_week, board, rank),
    UNIQUE (iso_week, board, user_id)
);

-- The draw of a week. Its row is there before the week ends, with the hash of its seed; the seed is
-- kept sealed (store/seals.py) until it has drawn. Nothing of a row that is announced changes.
CREATE TABLE spinner_rounds (
    iso_week     TEXT PRIMARY KEY,
    commit_hash  BYTEA NOT NULL,        -- SHA-256 of the seed
    committed_at TIMESTAMPTZ NOT NULL,
    sealed_seed  BYTEA NOT NULL,
    winners      INT NOT NULL,          -- at most
    segments     BIGINT[] NOT NULL,     -- the amounts on the wheel
    status       TEXT NOT NULL DEFAULT 'open'
                 CHECK (status IN ('open', 'drawn', 'credited', 'announced')),
    board_hash   BYTEA,
    seed         BYTEA,
    drawn_at     TIMESTAMPTZ,
    CHECK ((status = 'open') = (drawn_at IS NULL)),
    CHECK ((status = 'open') = (seed IS NULL)),
    CHECK ((status = 'open') = (board_hash IS NULL))
);

CREATE TABLE spinner_results (
    iso_week    TEXT REFERENCES spinner_rounds,
    prize_no    INT CHECK (prize_no > 0),
    user_id     BIGINT NOT NULL REFERENCES users,
    segment     INT NOT NULL CHECK (segment >= 0),  -- where the wheel stopped, from 0
    amount_e4   BIGINT NOT NULL CHECK (amount_e4 > 0),
    credited_at TIMESTAMPTZ,  -- NULL until its credit is in wallet_ledger, or parked
    PRIMARY KEY (iso_week, prize_no),
    UNIQUE (iso_week, user_id)
);

-- Operations -----------------------------------------------------------------

-- Answers to POSTs that run no script; purged after 7 days.
CREATE TABLE idempotency_keys (
    user_id     BIGINT,
    key         TEXT,
    fingerprint BYTEA NOT NULL,
    status      INT NOT NULL,
    body        JSONB NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);

-- What operators did, or were refused. A row is there before anything is done, and completed when it
-- is known what came of it; it is kept for ever. It is also what remembers an Idempotency-Key: the
-- same one does nothing twice, unless what it was for was refused.
CREATE TABLE audit_log (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor       TEXT NOT NULL,         -- "user 7", or "command line"
    session_id  UUID,                  -- that they were signed in by
    action      TEXT NOT NULL,
    target      TEXT NOT NULL,
    request     JSONB NOT NULL,        -- what was asked for, the reason given included
    before      JSONB,
    after       JSONB,
    outcome     TEXT,                  -- "done", or the code of a refusal; NULL: not known
    status      INT,                   -- what was answered, and with which status
    answer      JSONB,
    idem_key    TEXT,
    request_id  TEXT,
    ip          INET,
    at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    tried_at    TIMESTAMPTZ DEFAULT now(),  -- when it was begun last; NULL: nobody is at it
    done_at     TIMESTAMPTZ,
    CHECK ((outcome IS NULL) = (done_at IS NULL))
);
CREATE UNIQUE INDEX audit_log_key ON audit_log (actor, idem_key)
    WHERE outcome IS NULL OR outcome = 'done';
CREATE INDEX audit_log_actor ON audit_log (actor, id);
CREATE INDEX audit_log_target ON audit_log (target, id);

-- What the services found when they proved the books; a week of it is kept.
CREATE TABLE reconcile_runs (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at TIMESTAMPTZ NOT NULL,
    took_ms    INT NOT NULL,
    ok         BOOL NOT NULL,
    redis_hash BYTEA,
    pg_hash    BYTEA,
    diffs      JSONB  -- the proofs that failed, each with some of its offenders
);
