"""The proofs that one SQL statement can give: each finds offenders, and none is good news.

All statements of one run see the same snapshot. Facts may be missing from it
that are still on their way, so proofs about all facts stop at %(cut)s, the
treasury's version below which the ledger is known to be complete: every fact
passes through the treasury, so its version puts all of them in one order.
Comparisons of a state with its facts stop at the state's own version.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """A claim, and the query for whatever contradicts it."""

    name: str
    claim: str
    query: str


def _follows(version: str, previous: str) -> str:
    """SQL: *version* comes right after *previous*, or is the first of a later epoch.

    A version is epoch * 2^32 + n; rebuilding Redis starts the next epoch at n = 0.
    """
    before = f"coalesce({previous}, 0)"
    return (
        f"({version} = {before} + 1"
        f" OR ({version} & 4294967295 = 1 AND {version} >> 32 > {before} >> 32))"
    )


MONEY = Proof(
    "money",
    "the balances after the last fact of every wallet sum to zero",
    """
    SELECT sum(cash_after_e4)::bigint AS sum_e4
      FROM (SELECT DISTINCT ON (user_id) cash_after_e4
              FROM wallet_postings
             WHERE treasury_version <= %(cut)s
             ORDER BY user_id, version DESC) AS last
    HAVING sum(cash_after_e4) <> 0
    """,
)

WALLETS = Proof(
    "wallets",
    "every wallet is the sum of its postings up to its version",
    """
    SELECT w.user_id, w.version, cash_e4 + locked_e4 AS balance_e4,
           coalesce(sum(delta_e4), 0)::bigint AS postings_e4
      FROM wallets w
      LEFT JOIN wallet_postings p ON p.user_id = w.user_id AND p.version <= w.version
     GROUP BY w.user_id, mode, w.version, cash_e4, locked_e4
    HAVING cash_e4 + locked_e4 <> coalesce(sum(delta_e4), 0)
    """,
)

HOLDINGS = Proof(
    "holdings",
    "every holding is what its last trade left, up to its version",
    """
    SELECT h.user_id, h.idx, h.version, h.qty, h.cost_e4,
           last.qty_after AS ledger_qty, last.cost_after_e4 AS ledger_cost_e4
      FROM holdings h
      LEFT JOIN LATERAL (
           SELECT qty_after, cost_after_e4
             FROM share_postings p
            WHERE p.user_id = h.user_id AND p.idx = h.idx AND p.holding_version <= h.version
            ORDER BY p.holding_version DESC LIMIT 1) AS last ON true
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
     WHERE NOT {_follows("version", "previous")}
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
              FROM share_postings
             WHERE treasury_version <= %(cut)s) AS steps
     WHERE before + delta <> after
    """,
)

SHARES = Proof(
    "shares",
    "of every instrument, the house has sold what its users hold",
    """
    SELECT idx, sold::bigint AS sold, held::bigint AS held
      FROM (SELECT i.idx,
                   i.inventory + coalesce((
                     SELECT sum(delta_qty) FROM share_postings p
                      WHERE p.idx = i.idx AND p.instrument_version > i.version), 0) AS sold,
                   coalesce((
                     SELECT sum(qty) FROM holdings h WHERE h.idx = i.idx), 0) + coalesce((
                     SELECT sum(delta_qty)
                       FROM share_postings p
                       LEFT JOIN holdings h USING (user_id, idx)
                      WHERE p.idx = i.idx AND p.holding_version > coalesce(h.version, 0)), 0)
                     AS held
              FROM instruments i) AS sides
     WHERE sold <> held
    """,
)

KEYS = Proof(
    "keys",
    "no idempotency key made two trades within the day it is remembered for",
    """
    SELECT user_id, idem_key, id::text AS trade
      FROM (SELECT user_id, idem_key, id, at - lag(at)
                     OVER (PARTITION BY user_id, idem_key ORDER BY at, id) AS since
              FROM (SELECT user_id, idem_key, id, recorded_at AS at FROM trades
                    UNION ALL
                    SELECT (payload->>'uid')::bigint, payload->>'idem', id, created_at
                      FROM trade_outbox
                     WHERE payload->>'k' = 'trade' AND NOT malformed) AS made) AS pairs
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
      FROM (SELECT t.*, coalesce(before.cost_after_e4, 0)
                     + CASE t.side WHEN 'buy' THEN t.value_e4 ELSE t.realized_e4 - t.value_e4 END
                     AS expected
              FROM trades t
              LEFT JOIN trades before
                ON (before.user_id, before.idx, before.holding_version)
                 = (t.user_id, t.idx, t.holding_version - 1)
             WHERE before.id IS NOT NULL OR t.holding_version = 1) AS costs
     WHERE cost_after_e4 <> expected
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

SQL_PROOFS = (MONEY, WALLETS, HOLDINGS, VERSIONS, CHAIN, SHARES, TRADES, KEYS, BASES)
