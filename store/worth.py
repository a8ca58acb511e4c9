"""What users are worth, as Redis has it now, and what they were given that Postgres lacks.

Source: docs/market.md, "Leaderboards".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import redis

from ..domain.ids import UserId
from .entries import entries_in, oldest
from .hot import Hot
from .keys import Keys, OutboxName
from .redis_client import raw_reply

WAITING_MAX = 2_000  #: facts looked through; more wait only while Postgres is away or far behind

_NUMBERS = ("uid", "amount", "wv")
_BIGINT = 2**63


@dataclass(frozen=True, slots=True)
class Worth:
    """A user's equity at the marks (1e-4 coin) at one moment, as of *version* of their wallet."""

    user: UserId
    equity_e4: int
    version: int


@dataclass(frozen=True, slots=True)
class Gift:
    """Money that the house gave, or took back if negative: how much, and the version after it."""

    id: str
    user: UserId
    amount_e4: int
    version: int


class Worths:
    """Reads of what users are worth."""

    def __init__(self, client: redis.Redis, keys: Keys, hot: Hot) -> None:
        self._redis = client
        self._keys = keys
        self._hot = hot

    def life(self) -> int:
        """The life that Redis is in."""
        return self._hot.life()

    def of(self, users: Sequence[UserId]) -> list[Worth]:
        """What each of *users* is worth at the marks, positions too."""
        return [
            Worth(each.user, each.marked_e4, each.wallet.version)
            for each in self._hot.portfolios(users)
        ]

    def waiting_gifts(self) -> list[Gift] | None:
        """Gifts that are in wallets here and perhaps not in Postgres; None: too much waits to say.

        Ask after `of` and before Postgres: what is in neither by then had come to no wallet.
        """
        command = oldest(self._keys.outbox(OutboxName.TRADES), WAITING_MAX)
        entries = entries_in(raw_reply(self._redis, *command))
        if len(entries) == WAITING_MAX:
            return None
        found = (_gift(entry.fields) for entry in entries if entry.fields.get("k") == "grant")
        return [gift for gift in found if gift is not None]


def _gift(fact: Mapping[str, str]) -> Gift | None:
    """The gift in a fact; None if somebody has added it by hand, and it is none."""
    try:
        fact_id, *numbers = str(UUID(fact["id"])), *(int(fact[each]) for each in _NUMBERS)
    except (KeyError, ValueError):
        return None
    user, amount_e4, version = numbers
    return Gift(fact_id, UserId(user), amount_e4, version) if max(numbers) < _BIGINT else None
