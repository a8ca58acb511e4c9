"""The proofs about CFD positions that one SQL statement can give; see `store/proofs.py`."""

from .event_columns import EVENT_NAMES
from .layouts import POSITIONS
from .proof import Proof

#: What checking a position moves without an event.
_FOLLOWED = {"best_px", "checked_tick_id", "checked_seq", "warned"}
_LEFT = [column.name for column in POSITIONS.columns if column.name not in _FOLLOWED]

ROWS = Proof(
    "positions",
    "every position is what its last event left, up to its version, and none lacks its row",
    f"""
    SELECT p.id::text AS position, p.user_id, p.version, p.number, p.qty, p.margin_e4,
           last.number AS ledger_number, last.qty_after AS ledger_qty,
           last.margin_e4 AS ledger_margin_e4
      FROM cfd_positions p
      LEFT JOIN LATERAL (
           SELECT * FROM position_postings e
            WHERE e.position_id = p.id AND e.position_version <= p.version
            ORDER BY e.position_version DESC LIMIT 1) AS last ON true
     WHERE ({", ".join(f"p.{name}" for name in _LEFT)}) IS DISTINCT FROM
           ({", ".join(f"last.{EVENT_NAMES.get(name, name)}" for name in _LEFT)})
    UNION ALL
    SELECT e.position_id::text, e.user_id, p.version, p.number, p.qty, p.margin_e4,
           e.number, e.qty_after, e.margin_e4
      FROM cfd_events e LEFT JOIN cfd_positions p ON p.id = e.position_id
     WHERE e.position_version > coalesce(p.version, 0)
    """,
)

#: Each a name, what an event says, and what it has to say after the event before it.
_EVENT_RULES = """
    ('number', number, coalesce(number_before, 0) + 1),
    ('opens', (kind = 'open')::int, (number = 1)::int),
    ('after its end', (coalesce(qty_before, 1) = 0)::int, 0),
    ('ends', (closed_at IS NOT NULL)::int, (qty_after = 0)::int),
    ('close_reason', (closed_at IS NULL OR close_reason IS NOT DISTINCT FROM reason)::int, 1),
    ('qty_open', qty_open, coalesce(qty_open_before, qty)),
    ('entry_px', entry_px, coalesce(entry_before, px)),
    ('qty_after', qty_after, coalesce(qty_before, 0)
                             + CASE kind WHEN 'open' THEN qty ELSE -qty END),
    ('value_e4', value_e4, div(coalesce(px, 0)::numeric * qty
                               + CASE WHEN (kind = 'open') = (side = 'long') THEN 999 ELSE 0 END,
                               1000)),
    ('open_value_e4', open_value_e4, CASE kind WHEN 'open' THEN value_e4
                                     ELSE value_before - div(value_before * qty, parts) END),
    ('margin_moved_e4', margin_moved_e4,
     CASE kind WHEN 'open' THEN (value_e4 + leverage - 1) / nullif(leverage, 0)
               WHEN 'close' THEN -div(margin_before * qty, parts)
               ELSE margin_moved_e4 END),
    ('margin_e4', margin_e4, coalesce(margin_before, 0) + margin_moved_e4),
    ('gained_e4', pnl_e4 - shortfall_e4,
     CASE kind WHEN 'close' THEN (value_e4 - (value_before - open_value_e4))
                                 * CASE side WHEN 'long' THEN 1 ELSE -1 END
               ELSE 0 END),
    ('pnl_e4', pnl_e4, greatest(pnl_e4 - shortfall_e4, least(margin_moved_e4, 0))),
    ('payout_e4', CASE kind WHEN 'close' THEN least(pnl_e4 - fee_e4 - margin_moved_e4, 0) END,
                  CASE kind WHEN 'close' THEN 0 END),
    ('fees_e4', fees_e4, coalesce(fees_before, 0) + fee_e4),
    ('realized_e4', realized_e4, coalesce(realized_before, 0) + pnl_e4),
    ('liq_px', liq_px, CASE WHEN qty_after > 0 THEN greatest(0, entry_px
                         - CASE side WHEN 'long' THEN 1 ELSE -1 END
                           * div(margin_e4::numeric * 500, qty_after)) ELSE liq_px END)
"""

EVENTS = Proof(
    "events",
    "every event of a position follows from the one before it, adds up, and none follows a close",
    f"""
    SELECT position_id::text AS position, user_id, number, what, found::bigint AS found,
           expected::bigint AS expected
      FROM (SELECT e.*, lag(number) OVER before AS number_before,
                   lag(qty_open) OVER before AS qty_open_before,
                   lag(entry_px) OVER before AS entry_before,
                   lag(qty_after) OVER before AS qty_before,
                   nullif(lag(qty_after) OVER before, 0) AS parts,
                   lag(open_value_e4::numeric) OVER before AS value_before,
                   lag(margin_e4::numeric) OVER before AS margin_before,
                   lag(fees_e4) OVER before AS fees_before,
                   lag(realized_e4) OVER before AS realized_before
              FROM position_postings e
             WHERE treasury_version <= %(cut)s
            WINDOW before AS (PARTITION BY position_id ORDER BY number, treasury_version)) AS steps
     CROSS JOIN LATERAL (VALUES {_EVENT_RULES}) AS rules (what, found, expected)
     WHERE found IS DISTINCT FROM expected
    """,
)

MARGINS = Proof(
    "margins",
    "what every wallet has locked are the margins of its user's open positions",
    """
    SELECT user_id, locked_after_e4 AS locked_e4, coalesce(sum_e4, 0)::bigint AS margins_e4
      FROM (SELECT DISTINCT ON (user_id) user_id, locked_after_e4
              FROM wallet_postings
             WHERE treasury_version <= %(cut)s
             ORDER BY user_id, version DESC) AS wallets
      LEFT JOIN (SELECT user_id, sum(margin_e4) AS sum_e4
                   FROM (SELECT DISTINCT ON (position_id) user_id, margin_e4
                           FROM position_postings
                          WHERE treasury_version <= %(cut)s
                          ORDER BY position_id, number DESC) AS last
                  GROUP BY user_id) AS margins USING (user_id)
     WHERE locked_after_e4 <> coalesce(sum_e4, 0)
    """,
)

POSITION_PROOFS = (ROWS, EVENTS, MARGINS)
