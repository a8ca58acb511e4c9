"""Events of CFD positions as columns of `cfd_events`, and the positions they leave."""

from dataclasses import replace

from .arrays import Column
from .layouts import POSITIONS

#: Columns of a position that have another name where an event keeps them.
EVENT_NAMES = {"id": "position_id", "qty": "qty_after", "version": "position_version"}

EVENT_COLUMNS = (
    Column("event", "id", "uuid"),
    Column("k", "kind", "text"),
    Column("tqty", "qty"),
    Column("px", "px", optional=True),
    Column("val", "value_e4"),
    Column("fee", "fee_e4"),
    Column("pnl", "pnl_e4"),
    Column("loss", "shortfall_e4"),
    Column("dm", "margin_moved_e4"),
    Column("by", "made_by", "text"),
    Column("reason", "reason", "text", optional=True),
    Column("ttick", "trigger_tick_id", "text", optional=True),
    Column("tquote", "trigger_quote_px", optional=True),
    Column("tlevel", "trigger_level_px", optional=True),
    Column("tf", "trigger_index_px", optional=True),
    Column("approx", "approximate", "bool"),
    Column("idem", "idem_key", "text", optional=True),
    Column("fp", "fingerprint", "text", optional=True),
    Column("coid", "client_order_id", "text", optional=True),
    Column("ms", "happened_at", "timestamptz"),
    *(replace(each, name=EVENT_NAMES.get(each.name, each.name)) for each in POSITIONS.all_columns),
    Column("cash", "cash_after_e4"),
    Column("locked", "locked_after_e4"),
    Column("wv", "wallet_version"),
    Column("tcash", "treasury_after_e4"),
    Column("tv", "treasury_version"),
    Column("q", "inventory_after"),
    Column("so", "short_interest_after"),
    Column("iv", "instrument_version"),
    Column("seq", "seq"),
    Column("tick", "tick_id", "text"),
)

_TO = ", ".join(column.name for column in POSITIONS.all_columns)
_FROM = ", ".join(EVENT_NAMES.get(column.name, column.name) for column in POSITIONS.all_columns)

#: Takes ids of events: each of their positions as the newest of them left it, if that is news.
POSITIONS_OF_EVENTS = (
    f"INSERT INTO {POSITIONS.table} AS stored ({_TO}) SELECT DISTINCT ON (position_id) {_FROM}"
    " FROM cfd_events WHERE id = ANY(%s::uuid[]) ORDER BY position_id, position_version DESC"
    + POSITIONS.over_older
)
