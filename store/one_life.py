"""What clients are shown of Redis, all of it read in one life.

A life begins each time Redis was put back after a restart, and its number is the epoch that
clients are told. Numbers of ticks and pushes go on where Redis was put back to, so one of them may
be given twice, for different things: who compares them has to know in which life each was given.

No command tells the life together with what it reads. But lives only follow each other, and who
begins one first forgets the noted run id (`store/rehydrate.py`), notes it last, and has the
treasury count in the new life in between. So what was read before the run id was there and the
treasury counted in the life that one has entered, was read in that life.
Source: docs/decisions/0025.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import redis

from ..domain.ids import TREASURY, UserId
from ..domain.instrument import Instrument
from ..domain.portfolio import Portfolio
from ..domain.pushes import PortfolioEvent
from .fixture_news import ToldFixtures, told_fixtures
from .gate import Rehydrating
from .hot import Hot
from .keys import Keys
from .leaderboard_news import ToldBoards, told_boards
from .life import Superseded, life_of
from .missed import missed_pushes

T = TypeVar("T")


class OneLife:
    """Reads of hot state that raise `Superseded` or `Rehydrating` once the life *epoch* is over."""

    def __init__(self, client: redis.Redis, keys: Keys, epoch: int) -> None:
        self.epoch = epoch
        self._client = client
        self._keys = keys
        self._hot = Hot(client, keys)

    def instruments(self) -> tuple[Instrument, ...]:
        """All instruments, in the order of idx."""
        return self._read(self._hot.instruments)

    def fixtures(self, known: int | None) -> ToldFixtures | None:
        """All fixtures, if the last number given is not the one *known*; else None.

        None also while nobody has told of any since Redis was empty.
        """
        return self._read(lambda: told_fixtures(self._client, self._keys, known))

    def leaderboards(self, known: int | None) -> ToldBoards | None:
        """All leaderboards, if the last number given is not the one *known*; else None.

        None also while nobody has told of any since Redis was empty.
        """
        return self._read(lambda: told_boards(self._client, self._keys, known))

    def portfolios(self, users: Sequence[UserId]) -> list[Portfolio]:
        """What each of *users* owns, with the number of the last push it already contains."""
        return self._read(lambda: self._hot.portfolios(users)) if users else []

    def missed(self, after: Mapping[UserId, int]) -> list[tuple[PortfolioEvent, ...] | None]:
        """For each user of *after* the pushes behind that number; None if they are not there."""
        client, keys, wanted = self._client, self._keys, after.items()
        return self._read(lambda: [missed_pushes(client, keys, *each) for each in wanted])

    def _read(self, read: Callable[[], T]) -> T:
        try:
            return read()
        finally:
            # Also where it failed: what is half put back reads like nonsense.
            self._confirm()

    def _confirm(self) -> None:
        present = _present(self._client, self._keys)
        if present != self.epoch:
            raise Superseded(f"Redis is in life {present} by now, and not in {self.epoch}")


def enter_life(client: redis.Redis, keys: Keys) -> OneLife:
    """The reads of the life that Redis is in now.

    Raises:
        Rehydrating: it is about to begin another.
    """
    return OneLife(client, keys, _present(client, keys))


def _present(client: redis.Redis, keys: Keys) -> int:
    with client.pipeline(transaction=False) as pipe:
        pipe.get(keys.meta("run_id"))
        pipe.hget(keys.wallet(TREASURY), "v")
        found: Any = pipe.execute()
    run_id, version = found
    if run_id is None:
        raise Rehydrating("Redis is being put back")
    return life_of(int(version or 0))
