"""What the subscriber reads from: a feed of what is published, and the state it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ...domain.ids import UserId
from ...domain.instrument import Instrument
from ...domain.portfolio import Portfolio
from ...domain.pushes import PortfolioEvent
from ...store.fixture_news import ToldFixtures
from ...store.leaderboard_news import ToldBoards
from ...store.pubsub import Published


class Market(Protocol):
    """Hot state in one life of Redis; every read raises an outage once that is over."""

    @property
    def epoch(self) -> int:
        """The number of that life."""

    def instruments(self) -> tuple[Instrument, ...]:
        """All instruments, in one round trip."""

    def fixtures(self, known: int | None) -> ToldFixtures | None:
        """All fixtures, if the last number given is not the one *known*; None if nothing is new."""

    def leaderboards(self, known: int | None) -> ToldBoards | None:
        """All leaderboards, in the same way."""

    def portfolios(self, users: Sequence[UserId]) -> list[Portfolio]:
        """Users' portfolios with their sequence numbers."""

    def missed(self, after: Mapping[UserId, int]) -> list[tuple[PortfolioEvent, ...] | None]:
        """For each user of *after* the pushes behind that number; None if they are not there."""


class Feed(Protocol):
    """A subscription to what Redis publishes."""

    def open(self) -> None:
        """Subscribe to all prices, fixtures and leaderboards."""

    def follow(self, *users: UserId) -> None:
        """Subscribe to users' portfolios."""

    def unfollow(self, user: UserId) -> None:
        """End one of them."""

    def messages(self) -> Iterable[Published]:
        """What is published, for ever; raises an outage when another life of Redis begins."""

    def close(self) -> None:
        """End the subscription."""
