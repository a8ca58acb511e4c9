"""Clubs in Postgres: leagues, teams, and one instrument for every team.

An instrument gets its number and symbol once and keeps them. Its prices are
Redis' to change; the row made here is what it starts from, at version 0: the
first flush replaces it by the state in Redis.

Source: docs/market.md, "Clubs".
"""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from psycopg2.extras import execute_values

from ..domain.ids import InstrumentIdx
from ..domain.instrument import Instrument, new_instrument
from ..domain.limits import LIMITS, Limits, listed
from ..domain.match import MatchSnapshot, Team

SYMBOL_MAX = 12
_LOCK = 0x70_63_6C_75_62_73  # one process at a time hands out numbers and symbols

_COLUMNS = (
    "idx, symbol, name, team_id, base_px, index_px, depth, qcap, user_cap, half_spread_ppm,"
    " fee_ppm, order_max, max_leverage, mark_clamp_ppm, bid_px, ask_px, mark_px"
)


def enrol(cursor: Any, matches: Iterable[MatchSnapshot]) -> None:
    """Take in the leagues and teams of *matches*; a team seen for the first time is listed."""
    matches = tuple(matches)
    leagues = {m.league: m.league_name or f"League {m.league}" for m in matches}
    teams = {team.id: team for m in matches for team in (m.home, m.away)}
    if not teams:
        return
    lock_listing(cursor)
    execute_values(
        cursor,
        "INSERT INTO leagues (id, name) VALUES %s"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE leagues.name <> excluded.name",
        sorted(leagues.items()),
    )
    execute_values(
        cursor,
        "INSERT INTO teams AS t (id, name, short_code) VALUES %s"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, short_code = excluded.short_code"
        " WHERE (t.name, t.short_code) IS DISTINCT FROM (excluded.name, excluded.short_code)",
        [(team.id, team.name, team.short_code) for _, team in sorted(teams.items())],
    )
    _list(cursor, teams)


def lock_listing(cursor: Any) -> None:
    """Be the only one who lists instruments, until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def next_idx(cursor: Any) -> InstrumentIdx:
    """The number of the next instrument to be listed."""
    cursor.execute("SELECT coalesce(max(idx), 0) + 1 FROM instruments")
    return InstrumentIdx(cursor.fetchone()[0])


def untraded(cursor: Any) -> tuple[Instrument, ...]:
    """The instruments as listed that have not changed since; Redis may not know them yet."""
    cursor.execute(
        f"SELECT idx, symbol, name, base_px, {', '.join(LIMITS)} FROM instruments"
        " WHERE version <= 1 AND idx NOT IN (SELECT idx FROM base_postings) ORDER BY idx"
    )
    return tuple(
        listed(
            new_instrument(InstrumentIdx(idx), symbol, name, base_px),
            Limits(**dict(zip(LIMITS, limits, strict=True))),
        )
        for idx, symbol, name, base_px, *limits in cursor
    )


def symbols(team: Team) -> Iterator[str]:
    """Symbols for *team*, the best first, without end: its code, more of its name, numbers.

    None is all digits: an order for "1860" means the instrument of that number.
    """
    name = _letters(team.name)
    if not name or name.isdecimal():
        name = f"CLUB{name}"
    code = _letters(team.short_code or "")
    for symbol in (code[:SYMBOL_MAX], *(name[:length] for length in range(3, SYMBOL_MAX + 1))):
        if len(symbol) > 1 and not symbol.isdecimal():
            yield symbol
    number = 2
    while True:
        yield f"{name[: SYMBOL_MAX - len(str(number))]}{number}"
        number += 1


def _list(cursor: Any, teams: dict[int, Team]) -> None:
    cursor.execute("SELECT idx, symbol, team_id FROM instruments")
    listed = cursor.fetchall()
    taken = {symbol for _, symbol, _ in listed}
    known = {team_id for _, _, team_id in listed}
    idx = max((idx for idx, _, _ in listed), default=0)
    rows = []
    # By id: the same clubs get the same numbers, in whatever order their matches come.
    for team_id in sorted(teams.keys() - known):
        idx += 1
        symbol = next(s for s in symbols(teams[team_id]) if s not in taken)
        taken.add(symbol)
        rows.append(_row(new_instrument(InstrumentIdx(idx), symbol, teams[team_id].name), team_id))
    if rows:
        execute_values(cursor, f"INSERT INTO instruments ({_COLUMNS}) VALUES %s", rows)


def _row(made: Instrument, team_id: int) -> tuple[Any, ...]:
    return (
        made.idx,
        made.symbol,
        made.name,
        team_id,
        made.base_px,
        made.index_px,
        made.depth,
        made.qcap,
        made.user_cap,
        made.half_spread_ppm,
        made.fee_ppm,
        made.order_max,
        made.max_leverage,
        made.mark_clamp_ppm,
        made.bid_px,
        made.ask_px,
        made.mark_px,
    )


def _letters(text: str) -> str:
    """*text* in the alphabet of symbols; accents fall off, other letters are left out."""
    plain = unicodedata.normalize("NFKD", text).upper()
    return "".join(c for c in plain if c.isascii() and c.isalnum())
