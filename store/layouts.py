"""How states are laid out: Redis hash here, Postgres table there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .arrays import Column, insert_from_arrays
from .keys import State

_VERSION = Column("v", "version")


@dataclass(frozen=True, eq=False)  # each is itself: no hash over all its columns
class Layout:
    """How one kind of state is stored in Redis and in Postgres."""

    state: State
    table: str
    #: Columns that a dirty member spells out, in order, separated by colons.
    identity: tuple[Column, ...]
    #: Fields of the hash; `{0}`, `{1}` stand for the member's parts.
    columns: tuple[Column, ...]
    #: Columns written when the row is made and left alone afterwards.
    fixed: frozenset[str] = frozenset()
    conflict: str = ""
    stamped: bool = True
    #: Column that is NULL while the state lasts; Redis forgets it some time after its end.
    ended: str = ""

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """Identity, then the hash's columns, then the version."""
        return (*self.identity, *self.columns, _VERSION)

    def names(self, member: str) -> bool:
        """Whether *member* spells out the identity of a state."""
        return member.count(":") == len(self.identity) - 1

    def fields_of(self, member: str) -> Sequence[str]:
        """Fields of the hash of *member* that hold its columns, without the version."""
        if not self._spelled_out:
            return self._fields
        parts = member.split(":")
        return [field.format(*parts) for field in self._fields]

    def values(self, member: str, texts: Sequence[str | None]) -> tuple[str | None, ...]:
        """All columns of the state *member*, whose hash holds *texts*, its version last."""
        if any(self._optional):
            found = zip(texts, self._optional, strict=True)
            texts = [text or None if optional else text for text, optional in found]
        return (*member.split(":"), *texts)

    def select(self) -> str:
        """The query for all columns of all rows, as texts."""
        return f"SELECT {', '.join(c.spelled for c in self.all_columns)} FROM {self.table}"

    def fields(self, row: Sequence[str | None]) -> dict[str, str]:
        """A row of `select` as the fields of the hash."""
        names = (column.field for column in self.all_columns)
        return {name: value or "" for name, value in zip(names, row, strict=True)}

    @cached_property
    def upsert(self) -> str:
        """The statement that writes rows over older versions of themselves."""
        inserted = insert_from_arrays(f"{self.table} AS stored", self.all_columns)
        return inserted + self.over_older

    @cached_property
    def over_older(self) -> str:
        """The end of an INSERT into the table AS stored: over older versions of the rows alone."""
        changing = [c.name for c in self.columns if c.name not in self.fixed] + ["version"]
        sets = [f"{name} = excluded.{name}" for name in changing]
        if self.stamped:
            sets.append("updated_at = now()")
        return (
            f" ON CONFLICT ({self.conflict}) DO UPDATE SET {', '.join(sets)}"
            " WHERE stored.version < excluded.version"
        )

    @cached_property
    def _fields(self) -> tuple[str, ...]:
        return tuple(column.field for column in self.columns)

    @cached_property
    def _spelled_out(self) -> bool:
        """Whether a field has the member's parts in its name."""
        return any("{" in field for field in self._fields)

    @cached_property
    def _optional(self) -> tuple[bool, ...]:
        return tuple(column.optional for column in (*self.columns, _VERSION))


POSITIONS = Layout(
    State.POSITIONS,
    "cfd_positions",
    (Column("id", "id", "uuid"),),
    (
        Column("uid", "user_id"),
        Column("idx", "idx", "int"),
        Column("side", "side", "text"),
        Column("qty0", "qty_open"),
        Column("qty", "qty"),
        Column("lev", "leverage", "smallint"),
        Column("entry", "entry_px"),
        Column("oval", "open_value_e4"),
        Column("margin", "margin_e4"),
        Column("liq", "liq_px"),
        Column("sl", "sl_px", optional=True),
        Column("tp", "tp_px", optional=True),
        Column("trail", "trail_px", optional=True),
        Column("best", "best_px", optional=True),
        Column("otick", "open_tick_id", "text"),
        Column("os", "open_seq"),
        Column("ctick", "checked_tick_id", "text"),
        Column("cs", "checked_seq"),
        Column("fees", "fees_e4"),
        Column("rpnl", "realized_e4"),
        Column("no", "number", "int"),
        Column("warn", "warned", "bool"),
        Column("at", "opened_at", "timestamptz"),
        Column("cat", "closed_at", "timestamptz", optional=True),
        Column("why", "close_reason", "text", optional=True),
    ),
    conflict="id",
    stamped=False,
    ended="closed_at",
)

LAYOUTS: tuple[Layout, ...] = (
    # Instruments first: holdings refer to them.
    Layout(
        State.INSTRUMENTS,
        "instruments",
        (Column("", "idx", "int"),),
        (
            Column("sym", "symbol", "text"),
            Column("name", "name", "text"),
            Column("B", "base_px"),
            Column("f", "index_px"),
            Column("fmin", "index_min_px"),
            Column("fmax", "index_max_px"),
            Column("S", "offset_bps", "int"),
            Column("q", "inventory"),
            Column("so", "short_interest"),
            Column("d", "depth"),
            Column("qcap", "qcap"),
            Column("ucap", "user_cap"),
            Column("hs", "half_spread_ppm", "int"),
            Column("fee", "fee_ppm", "int"),
            Column("omax", "order_max"),
            Column("imr", "max_leverage", "smallint"),
            Column("clamp", "mark_clamp_ppm", "int"),
            Column("halt", "halt", "int"),
            Column("phase", "phase", "text"),
            Column("seq", "seq"),
            Column("bid", "bid_px"),
            Column("ask", "ask_px"),
            Column("mark", "mark_px"),
            Column("tid", "last_tick_id", "text"),
        ),
        fixed=frozenset({"symbol", "name"}),
        conflict="idx",
    ),
    Layout(
        State.WALLETS,
        "wallets",
        (Column("", "user_id"),),
        (Column("cash", "cash_e4"), Column("locked", "locked_e4")),
        conflict="user_id, mode",
    ),
    Layout(
        State.HOLDINGS,
        "holdings",
        (Column("", "user_id"), Column("", "idx", "int")),
        (Column("{1}", "qty"), Column("c:{1}", "cost_e4")),
        conflict="user_id, idx",
        stamped=False,
    ),
    POSITIONS,
)
