"""Draws of weeks on real servers, and boards that are final."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from touchline.domain.leaderboard import Week
from touchline.store.draws import Draws
from touchline.store.postgres import Postgres
from touchline.store.seals import Sealer
from touchline.store.spinner_rounds import SpinnerRounds
from touchline.store.spins import Spins

from tests.fakes.bookkeeping import Books

SECRET = b"k" * 32
NOTHING: Mapping[str, Any] = {}


def freeze(pg: Postgres, week: Week, users: Sequence[int], board: str = "people") -> None:
    """Make the board of *week* final: *users* in their order, with scores that fall."""
    ended = datetime.fromtimestamp(week.ends_ms / 1000, UTC)
    with pg.transaction() as cursor:
        cursor.execute(
            "INSERT INTO leaderboard_weeks (iso_week, opened_at, frozen_at) VALUES (%s, %s, %s)"
            " ON CONFLICT (iso_week) DO UPDATE SET frozen_at = excluded.frozen_at",
            (week.name, ended, ended),
        )
        for rank, user in enumerate(users, start=1):
            cursor.execute(
                "INSERT INTO leaderboard_weekly (iso_week, board, rank, user_id, score_e4)"
                " VALUES (%s, %s, %s, %s, %s)",
                (week.name, board, rank, user, 1_000_000 - 10_001 * rank),
            )


def spins(books: Books, *before: bytes, secret: bytes = SECRET, but: Any = NOTHING) -> Spins:
    """The steps over *books*; *but* with some other parts."""
    parts: dict[str, Any] = {
        "rounds": SpinnerRounds(books.pg),
        "sealer": Sealer(secret, *before),
        "credits_": books.scripts,
        "drain": books.drain(),
    }
    return Spins(**(parts | but))


def statuses(books: Books) -> dict[str, str]:
    """How far each week's draw has come."""
    rows = books.rows("SELECT iso_week, status FROM spinner_rounds ORDER BY 1")
    return {str(week): str(status) for week, status in rows}


def prizes(books: Books, week: Week) -> dict[int, int]:
    """What each winner of *week* has won, 1e-4 coin."""
    return {won.user: won.amount_e4 for won in Draws(books.pg).winners(week)}


def credited(books: Books) -> list[tuple[object, ...]]:
    """Every prize in the ledger: user, amount and key, in the order of the keys."""
    return books.rows(
        "SELECT user_id, amount_e4, idem_key FROM wallet_ledger WHERE kind = 'prize' ORDER BY 3"
    )
