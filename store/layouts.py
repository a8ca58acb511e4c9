"""How instruments, wallets and holdings are laid out: Redis hash here, Postgres table there."""

from dataclasses import dataclass

from .arrays import Column, insert_from_arrays
from .keys import State


@dataclass(frozen=True, slots=True)
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

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Identity, then the hash's columns, then the version."""
        return (*self.identity, *self.columns, Column("v", "version"))

    def select(self) -> str:
        """The query for all columns of all rows, as texts."""
        names = ", ".join(f"{column.name}::text" for column in self.all_columns)
        return f"SELECT {names} FROM {self.table}"

    def upsert(self) -> str:
        """The statement that writes rows over older versions of themselves."""
        changing = [c.name for c in self.columns if c.name not in self.fixed] + ["version"]
        sets = [f"{name} = excluded.{name}" for name in changing]
        if self.stamped:
            sets.append("updated_at = now()")
        return (
            insert_from_arrays(f"{self.table} AS stored", self.all_columns)
            + f" ON CONFLICT ({self.conflict}) DO UPDATE SET {', '.join(sets)}"
            + " WHERE stored.version < excluded.version"
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
)
