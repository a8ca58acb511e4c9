"""What a bot engine stands on, without servers: books, a market and a way to the exchange."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from touchline.domain.bot_views import Decision, Match
from touchline.domain.bots import ROSTER, Bot
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import Instrument
from touchline.domain.portfolio import Portfolio, Wallet
from touchline.domain.refusals import Refusal
from touchline.store.bot_books import Gains, Ground
from touchline.store.worth import Worth

from tests.fakes.bot_floor import BOTS

MONEY_E4 = 100_000_000


class FakeLease:
    """Held or not, as a test says."""

    def __init__(self) -> None:
        self.free, self.mine, self.released = True, False, False

    def renew(self) -> bool:
        self.mine = self.free
        return self.mine

    def held(self) -> bool:
        return self.mine

    def release(self) -> None:
        self.mine, self.released = False, True


class FakeBooks:
    """Postgres as bots see it; each call is in ``calls``."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.enabled, self.active = True, frozenset(BOTS.values())
        self.matches: tuple[Match, ...] = ()
        self.today: dict[UserId, int] = {}
        self.opened: list[tuple[int, int]] = []  # life and moment
        self.away: Exception | None = None

    def enrol(self) -> dict[Bot, UserId]:
        return {bot: BOTS[bot] for bot in ROSTER}

    def ground(self) -> Ground:
        self.calls.append("ground")
        if self.away is not None:
            raise self.away
        return Ground(self.enabled, self.active, self.matches)

    def open_day(self, life: int, worths: Sequence[Worth], now_ms: int) -> None:
        self.opened.append((life, now_ms))
        self.today |= {each.user: 0 for each in worths if each.user not in self.today}

    def gains(self, worths: Sequence[Worth], now_ms: int) -> dict[UserId, Gains]:
        return {each.user: Gains(self.today.get(each.user), 7) for each in worths}


class FakeMarket:
    """Redis as bots see it: *clubs*, and nobody owns anything but money."""

    def __init__(self, calls: list[str], *clubs: Instrument) -> None:
        self.calls, self.clubs = calls, clubs
        self.endowed: list[UserId] = []
        self.since_ms = 0
        self.pending: dict[UserId, frozenset[InstrumentIdx]] = {}

    def endow(self, user: UserId, now_ms: int) -> None:
        self.endowed.append(user)

    def life(self) -> int:
        self.calls.append("life")
        return 3

    def instruments(self) -> tuple[Instrument, ...]:
        return self.clubs

    def portfolios(self, users: Sequence[UserId]) -> list[Portfolio]:
        self.calls.append("portfolios")
        return [Portfolio(user, 0, Wallet(MONEY_E4, version=1), ()) for user in users]

    def waiting(self, users: Sequence[UserId]) -> dict[UserId, frozenset[InstrumentIdx]]:
        self.calls.append("waiting")
        return {user: self.pending.get(user, frozenset()) for user in users}

    def trails(
        self, clubs: Iterable[InstrumentIdx], since_ms: int
    ) -> dict[InstrumentIdx, tuple[int, ...]]:
        self.since_ms = since_ms
        return {idx: () for idx in clubs}


class FakeBrokerage:
    """Fills whatever it is given, and keeps it; *meanwhile* is called then."""

    def __init__(self) -> None:
        self.placed: list[list[Decision]] = []
        self.result = ("filled", "")
        self.meanwhile: Callable[[], None] = lambda: None

    def place(self, wanted: Sequence[Decision]) -> list[tuple[str, str]]:
        self.placed.append(list(wanted))
        self.meanwhile()
        return [self.result] * len(wanted)

    @property
    def bots(self) -> set[Bot]:
        """Those who have placed anything."""
        return {each.bot for batch in self.placed for each in batch}


class FakeOrders:
    """Keeps whose orders were taken back and why, time after time."""

    def __init__(self) -> None:
        self.withdrawn: list[tuple[set[UserId], Refusal]] = []

    def withdraw(self, users: Collection[UserId], why: Refusal, now_ms: int) -> int:
        self.withdrawn.append((set(users), why))
        return 0
