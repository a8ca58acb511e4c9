"""What bots look at in Redis: prices, what they own, what of theirs waits.

Source: docs/market.md, "Bots".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import redis

from ..domain.bot_rules import TRAIL
from ..domain.ids import InstrumentIdx, UserId
from ..domain.instrument import Instrument
from ..domain.portfolio import Portfolio
from ..domain.ticks import Why
from .hot import Hot
from .keys import Keys
from .scripts import Scripts
from .start_balance import grant_start_balance

#: Ticks of a club that are looked through for the last of the feed; between two of those there
#: are some of trades. Where there are more, momentum has nothing to go by.
TICKS = 40


class BotMarket:
    """Reads of what bots decide by."""

    def __init__(self, client: redis.Redis, keys: Keys, hot: Hot, scripts: Scripts) -> None:
        self._redis = client
        self._keys = keys
        self._hot = hot
        self._scripts = scripts

    def endow(self, user: UserId, now_ms: int) -> None:
        """Give a bot what everybody begins with, once for ever."""
        grant_start_balance(self._hot, self._scripts, user, now_ms)

    def life(self) -> int:
        """The life that Redis is in."""
        return self._hot.life()

    def instruments(self) -> tuple[Instrument, ...]:
        """All clubs, in the order of idx."""
        return self._hot.instruments()

    def portfolios(self, users: Sequence[UserId]) -> list[Portfolio]:
        """What each of *users* owns, all as of one moment."""
        return self._hot.portfolios(users)

    def waiting(self, users: Sequence[UserId]) -> dict[UserId, frozenset[InstrumentIdx]]:
        """The clubs in which orders of *users* wait.

        Ask before `portfolios`: what waits no longer by then is in what they own.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            for user in users:
                pipe.smembers(self._keys.pending_of(user))
            pending = dict(zip(users, pipe.execute(), strict=True))
        owners = [(user, one) for user, orders in pending.items() for one in sorted(orders)]
        with self._redis.pipeline(transaction=False) as pipe:
            for _, order_id in owners:
                pipe.hget(self._keys.order(order_id), "idx")
            clubs = pipe.execute()
        found: dict[UserId, set[InstrumentIdx]] = defaultdict(set)
        for (user, _), idx in zip(owners, clubs, strict=True):
            if idx is not None:
                found[user].add(InstrumentIdx(int(idx)))
        return {user: frozenset(found[user]) for user in users}

    def trails(
        self, clubs: Iterable[InstrumentIdx], since_ms: int
    ) -> dict[InstrumentIdx, tuple[int, ...]]:
        """The index of each club at the last ticks of the feed *since* then, the oldest first."""
        wanted = list(clubs)
        with self._redis.pipeline(transaction=False) as pipe:
            for idx in wanted:
                pipe.xrevrange(self._keys.ticks(idx), min=since_ms, count=TICKS)
            streams = pipe.execute()
        return {idx: _trail(entries) for idx, entries in zip(wanted, streams, strict=True)}


def _trail(newest_first: Any) -> tuple[int, ...]:
    fed = [int(fields["f"]) for _, fields in newest_first if fields["w"] == Why.FEED]
    return tuple(reversed(fed[:TRAIL]))
