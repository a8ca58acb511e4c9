"""The proofs that one SQL statement can give: each finds offenders, and none is good news.

All statements of one run see the same snapshot. Facts may be missing from it
that are still on their way, so proofs about all facts stop at %(cut)s, the
treasury's version below which the ledger is known to be complete: every fact
passes through the treasury, so its version puts all of them in one order.
Comparisons of a state with its facts stop at the state's own version.
"""

from .position_proofs import POSITION_PROOFS
from .proof import Proof, follows

MONEY = Proof(
    "money",
    "the balances after the last fact of every wallet sum to zero",
    """
    SELECT sum(cash_after_e4 + locked_after_e4)::bigint AS sum_e4
      FROM (SELECT DISTINCT ON (user_id) cash_after_e4, locked_after_e4
              FROM wallet_postings
             WHERE treasury_version <= %(cut)s
             ORDER BY user_id, version DESC) AS last
    HAVING sum(cash_after_e4 + locked_after_e4) <> 0
    """,
)

WALLETS = Proof(
    "wallets",
    "free and reserved money of every wallet are the sums of its postings up to its version",
    """
    SELECT w.user_id, w.version, cash_e4, locked_e4,
           coalesce(sum(delta_e4), 0)::bigint AS postings_e4,
           coalesce(sum(locked_delta_e4), 0)::bigint AS locked_postings_e4
      FROM wallets w
      LEFT JOIN wallet_postings p ON p.user_id = w.user_id AND p.version <= w.version
     GROUP BY w.user_id, mode, w.version, cash_e4, locked_e4
    HAVING (cash_e4, locked_e4)
           <> (coalesce(sum(delta_e4), 0), coalesce(sum(locked_delta_e4), 0))
    """,
)

HOLDINGS = Proof(
    "holdings",
    "every holding is what its last trade left, up to its version",
    """
    SELECT user_id, idx, h.version, h.qty, h.cost_e4,
           last.qty_after AS ledger_qty, last.cost_after_e4 AS ledger_cost_e4
      FROM holdings h
      LEFT JOIN (
           SELECT DISTINCT ON (user_id, idx) user_id, idx, qty_after, cost_after_e4
             FROM share_postings p JOIN holdings USING (user_id, idx)
            WHERE p.holding_version <= version
            ORDER BY user_id, idx, p.holding_version DESC) AS last USING (user_id, idx)
     WHERE h.version > 0
       AND (h.qty, h.cost_e4) IS DISTINCT FROM (last.qty_after, last.cost_after_e4)
    """,
)

VERSIONS = Proof(
    "versions",
    "no version of a wallet or a holding is missing from the ledger or there twice",
    f"""
    SELECT user_id, idx, previous, version
      FROM (SELECT user_id, NULL::int AS idx, version,
                   lag(version) OVER (PARTITION BY user_id ORDER BY version) AS previous
              FROM wallet_postings
             WHERE treasury_version <= %(cut)s
            UNION ALL
            SELECT user_id, idx, holding_version,
                   lag(holding_version) OVER (PARTITION BY user_id, idx ORDER BY holding_version)
              FROM share_postings
             WHERE treasury_version <= %(cut)s) AS steps
     WHERE NOT {follows("version", "previous")}
    """,
)

CHAIN = Proof(
    "chain",
    "every balance is the balance before it and the fact's amount",
    """
    SELECT what, user_id, idx, version, before + delta AS expected, after
      FROM (SELECT 'cash_e4' AS what, user_id, NULL::int AS idx, version,
                   coalesce(lag(cash_after_e4) OVER (PARTITION BY user_id ORDER BY version), 0)
                     AS before,
                   delta_e4 AS delta, cash_after_e4 AS after
              FROM wallet_postings
             WHERE treasury_version <= %(cut)s
            UNION ALL
            SELECT 'locked_e4', user_id, NULL, version,
                   coalesce(lag(locked_after_e4) OVER (PARTITION BY user_id ORDER BY version), 0),
                   locked_delta_e4, locked_after_e4
              FROM wallet_postings
             WHERE treasury_version <= %(cut)s
            UNION ALL
            SELECT 'qty', user_id, idx, holding_version,
                   coalesce(lag(qty_after)
                     OVER (PARTITION BY user_id, idx ORDER BY holding_version), 0),
                   delta_qty, qty_after
              FROM share_postings
             WHERE treasury_version <= %(cut)s
            UNION ALL
            SELECT 'inventory', NULL, idx, instrument_version,
                   coalesce(lag(inventory_after)
                     OVER (PARTITION BY idx ORDER BY instrument_version), 0),
                   delta_qty, inventory_after
              FROM inventory_postings
             WHERE treasury_version <= %(cut)s
            UNION ALL
            SELECT 'short_interest', NULL, idx, instrument_version,
                   coalesce(lag(short_interest_after)
                     OVER (PARTITION BY idx ORDER BY instrument_version), 0),
                   short_delta_qty, short_interest_after
              FROM inventory_postings
             WHERE treasury_version <= %(cut)s AND short_interest_after IS NOT NULL) AS steps
     WHERE before + delta <> after
    """,
)

# What the house has sold is compared with what others have, each side as far as it is known: a
# row, and the facts that are newer than the row. Positions are taken from their events alone: a
# row of theirs may show an event whose fact is still on its way.
SHARES = Proof(
    "shares",
    "of every instrument, the house has sold what users hold and are long, less what they are"
    " short, and knows what that is",
    """
    WITH newer AS (
         SELECT idx, sum(delta_qty) AS sold, sum(short_delta_qty) AS short
           FROM inventory_postings p JOIN instruments i USING (idx)
          WHERE p.instrument_version > i.version GROUP BY idx),
    held AS (
         SELECT idx, sum(qty) AS qty
           FROM (SELECT idx, qty FROM holdings
                 UNION ALL
                 SELECT idx, p.delta_qty
                   FROM share_postings p LEFT JOIN holdings h USING (user_id, idx)
                  WHERE p.holding_version > coalesce(h.version, 0)) AS parts
          GROUP BY idx),
    positions AS (
         SELECT idx, sum(grown) FILTER (WHERE side = 'long') AS long,
                sum(grown) FILTER (WHERE side = 'short') AS short
           FROM (SELECT idx, side, CASE kind WHEN 'open' THEN qty ELSE -qty END AS grown
                   FROM position_postings) AS events
          GROUP BY idx)
    SELECT idx, (inventory + coalesce(newer.sold, 0))::bigint AS sold,
           coalesce(held.qty, 0)::bigint AS held, coalesce(long, 0)::bigint AS long,
           coalesce(positions.short, 0)::bigint AS short,
           (short_interest + coalesce(newer.short, 0))::bigint AS short_interest
      FROM instruments LEFT JOIN newer USING (idx) LEFT JOIN held USING (idx)
      LEFT JOIN positions USING (idx)
     WHERE inventory + coalesce(newer.sold, 0)
           <> coalesce(held.qty, 0) + coalesce(long, 0) - coalesce(positions.short, 0)
        OR short_interest + coalesce(newer.short, 0) <> coalesce(positions.short, 0)
    """,
)

KEYS = Proof(
    "keys",
    "no idempotency key made two facts within the day it is remembered for",
    """
    SELECT user_id, idem_key, id::text AS fact
      FROM (SELECT user_id, idem_key, id, at - lag(at)
                     OVER (PARTITION BY user_id, idem_key ORDER BY at, id) AS since
              FROM (SELECT user_id, idem_key, id, recorded_at AS at FROM trades
                    UNION ALL
                    SELECT (payload->>'uid')::bigint, payload->>'idem', id, created_at
                      FROM parked_facts
                     WHERE payload->>'k' = 'trade'
                    UNION ALL
                    SELECT user_id, idem_key, fact_id, recorded_at
                      FROM position_postings
                     WHERE idem_key IS NOT NULL) AS made) AS pairs
     WHERE since < INTERVAL '24 hours'
    """,
)

TRADES = Proof(
    "trades",
    "every trade's value is price times quantity and changes the holding's cost; sales realise",
    """
    SELECT id::text AS trade, user_id, 'value_e4' AS what, value_e4 AS found,
           (px * qty + CASE side WHEN 'buy' THEN 999 ELSE 0 END) / 1000 AS expected
      FROM trades
     WHERE value_e4 <> (px * qty + CASE side WHEN 'buy' THEN 999 ELSE 0 END) / 1000
    UNION ALL
    SELECT id::text, user_id, 'realized_e4', realized_e4, 0
      FROM trades
     WHERE side = 'buy' AND realized_e4 <> 0
    UNION ALL
    SELECT id::text, user_id, 'cost_after_e4', cost_after_e4, expected
      FROM (SELECT id, user_id, cost_after_e4, holding_version,
                   coalesce(lag(holding_version) OVER before, 0) AS version_before,
                   coalesce(lag(cost_after_e4) OVER before, 0)
                     + CASE side WHEN 'buy' THEN value_e4 ELSE realized_e4 - value_e4 END
                     AS expected
              FROM trades
            WINDOW before AS (PARTITION BY user_id, idx ORDER BY holding_version)) AS costs
     WHERE version_before = holding_version - 1 AND cost_after_e4 <> expected
    """,
)

BASES = Proof(
    "bases",
    "every base price is what the last result made it, up to the instrument's version",
    """
    SELECT i.idx, i.version, i.base_px, last.base_px AS result_px, last.fixture_id
      FROM instruments i
      JOIN LATERAL (
           SELECT base_px, fixture_id
             FROM base_postings p
            WHERE p.idx = i.idx AND p.instrument_version <= i.version
            ORDER BY p.instrument_version DESC LIMIT 1) AS last ON true
     WHERE i.base_px <> last.base_px
    """,
)

ORDERS = Proof(
    "orders",
    "every order that waited and was filled has its trade or event, and no rejected one has",
    """
    SELECT o.id::text AS order, o.user_id, o.status, made.id IS NOT NULL AS made
      FROM orders o
      LEFT JOIN (SELECT id FROM trades
                 UNION ALL
                 SELECT id FROM cfd_events
                 UNION ALL
                 SELECT (payload->>'id')::uuid FROM trade_outbox
                  WHERE payload->>'k' = 'trade' AND NOT malformed
                 UNION ALL
                 SELECT (payload->>'event')::uuid FROM position_outbox
                  WHERE NOT malformed) AS made ON made.id = o.id
     WHERE o.status = 'filled' AND made.id IS NULL OR o.status = 'rejected' AND made.id IS NOT NULL
    """,
)

#: Real time has passed only where the exchange ran: a night's pause between two runs delays
#: releases and is no offence, so what the feed and trades wrote last stands for now. A calendar
#: that runs ahead of real time makes releases earlier, never later, than is allowed for here.
WAITING = Proof(
    "waiting",
    "no order still waits a minute of real time after its release, while prices go on",
    """
    SELECT id::text AS order, user_id, accepted_at, release_at, recorded_at
      FROM orders
     WHERE status = 'pending'
       AND recorded_at + (release_at - accepted_at) + INTERVAL '60 seconds'
           < (SELECT max(updated_at) FROM instruments)
    """,
)

SQL_PROOFS = (
    *(MONEY, WALLETS, HOLDINGS, VERSIONS, CHAIN, SHARES, TRADES, KEYS, BASES),
    *(ORDERS, WAITING),
    *POSITION_PROOFS,
)
