"""Fixtures in Redis: what the scheduler tells of them, and what the hub reads of that.

They are a copy of what Postgres has and clients may see, with numbers: each change is given the
next one of a single count, so that who has read them all knows by one number whether there is
anything new. Nothing here has to survive: who comes to lead the feed tells what differs.

Source: docs/protocol.md, "Fixtures over the socket".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import redis

from ..domain.fixtures import Fixture
from .fence import Fenced
from .fixtures import Fixtures
from .keys import Keys
from .lease import Lease
from .lua import KERNEL, LuaScript
from .postgres import Postgres

SEQ = "seq"  #: field of the hash: the last number given
CHUNK = 200  #: fixtures one run of the script tells of: Redis serves nobody else meanwhile


@dataclass(frozen=True, slots=True)
class ToldFixture:
    """A fixture, and the number under which it was told."""

    seq: int
    fixture: Fixture


@dataclass(frozen=True, slots=True)
class ToldFixtures:
    """All that is told of, and the last number given."""

    seq: int
    fixtures: tuple[ToldFixture, ...]


class _Told(msgspec.Struct):
    s: int
    d: Fixture


_decoder = msgspec.json.Decoder(_Told)


class FixtureNews:
    """Tells of every fixture that changed, for the scheduler that leads."""

    def __init__(self, client: redis.Redis, keys: Keys, pg: Postgres) -> None:
        self._redis = client
        self._keys = keys
        self._rows = Fixtures(pg)
        self._told: dict[str, Fixture | None] = {}  # None: what is there cannot be read
        self._tell = LuaScript("fixtures_tell", KERNEL)

    def resume(self) -> None:
        """Go on from what Redis has; another may have led until now, or Redis may be new."""
        fields: Any = self._redis.hgetall(self._keys.fixtures)
        # What cannot be read was told by another version, or by hand: it is told again.
        self._told = dict.fromkeys(name for name in fields if name != SEQ)
        self._told |= {str(each.fixture.id): each.fixture for each in _readable(fields)}

    def tell_all(self, lease: Lease, now_ms: int) -> None:
        """Tell of all fixtures that differ from what was told, and forget what is long over.

        Raises:
            Fenced: somebody else holds *lease*.
        """
        rows = {str(row.id): row for row in self._rows.current(now_ms)}
        gone = dict.fromkeys(self._told.keys() - rows.keys())
        self._send(lease, {**gone, **self._changed(rows)})

    def tell(self, lease: Lease, fixtures: Sequence[int]) -> None:
        """Tell of *fixtures*, which may have changed.

        Raises:
            Fenced: somebody else holds *lease*.
        """
        rows = {str(row.id): row for row in self._rows.fixtures(fixtures)}
        self._send(lease, self._changed(rows))

    def _changed(self, rows: Mapping[str, Fixture]) -> dict[str, Fixture]:
        return {name: row for name, row in rows.items() if self._told.get(name) != row}

    def _send(self, lease: Lease, news: Mapping[str, Fixture | None]) -> None:
        told = list(news.items())
        names = [self._keys.fixtures, lease.key]
        for at in range(0, len(told), CHUNK):
            chunk = told[at : at + CHUNK]
            texts = (text for name, row in chunk for text in (name, _text(row)))
            reply = self._tell.run(self._redis, names, [lease.owner, *texts])
            if reply[0] == "refused":
                raise Fenced("another replica holds the lease")
            for name, row in chunk:
                self._note(name, row)

    def _note(self, name: str, row: Fixture | None) -> None:
        if row is None:
            del self._told[name]
        else:
            self._told[name] = row


def told_fixtures(client: redis.Redis, keys: Keys, known: int | None) -> ToldFixtures | None:
    """All that is told of, if the last number given is not the one *known*.

    None also while nothing was told in this Redis. What cannot be read is left out.
    """
    last: Any = client.hget(keys.fixtures, SEQ)
    if last is None or int(last) == known:
        return None
    fields: Any = client.hgetall(keys.fixtures)
    return ToldFixtures(int(fields[SEQ]), tuple(_readable(fields)))


def decode_fixture(payload: str) -> ToldFixture | None:
    """What is told of a fixture; None if this version cannot read it."""
    try:
        told = _decoder.decode(payload)
    except msgspec.MsgspecError:
        return None
    return ToldFixture(told.s, told.d)


def _readable(fields: Mapping[str, str]) -> list[ToldFixture]:
    told = (decode_fixture(text) for name, text in fields.items() if name != SEQ)
    return [each for each in told if each is not None]


def _text(row: Fixture | None) -> str:
    return "" if row is None else msgspec.json.encode(row).decode()
