"""Positions and their newest events as they are in Redis, each read in one command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis

from ..domain.ids import UserId
from ..domain.position_events import EventKind, PositionEvent
from ..domain.positions import Position
from .entries import entries_in, newest
from .keys import Keys, OutboxName
from .position_hashes import FIELDS, event_of, position_of
from .redis_client import raw_reply

NEWEST = 500  #: entries looked through; more wait only while Postgres is away


def open_positions(pipeline: Any, keys: Keys, user: UserId) -> None:
    """Ask *pipeline* for every field of the user's open positions."""
    # One command, so that in a transaction the positions are as of the same moment as the rest.
    fields = [f"{keys.pos('*')}->{field}" for field in FIELDS]
    pipeline.sort(keys.open_by_user(user), by="nosort", get=fields)


def positions_in(found: Sequence[str | None]) -> tuple[Position, ...]:
    """The positions in the reply to `open_positions`, the newest first."""
    return tuple(sorted(_each(found), key=lambda each: (each.opened_ms, each.id), reverse=True))


def newest_events(client: redis.Redis, keys: Keys) -> list[Mapping[str, str]]:
    """Facts of positions that are not yet known to be in Postgres, newest first."""
    command = newest(keys.outbox(OutboxName.POSITIONS), NEWEST)
    return [entry.fields for entry in entries_in(raw_reply(client, *command))]


def close_in(entries: Sequence[Mapping[str, str]], position_id: str) -> PositionEvent | None:
    """The event among *entries* that has left nothing of the position open."""
    for fields in entries:
        if fields["id"] == position_id and fields["k"] == EventKind.CLOSE and fields["qty"] == "0":
            return event_of(fields)
    return None


def _each(found: Sequence[str | None]) -> Iterator[Position]:
    for start in range(0, len(found), len(FIELDS)):
        values = found[start : start + len(FIELDS)]
        yield position_of({n: v for n, v in zip(FIELDS, values, strict=True) if v is not None})
