"""Replays what users missed while they were away, the moment they are back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, assert_never

import structlog
from gevent.event import AsyncResult

from ...domain.clock import Calendar
from ...domain.ids import UserId
from ...domain.position_events import By
from ...domain.positions import CloseReason, Position
from ...domain.pushes import ReplayedClose, ReplayPush
from ...store.position_commands import Happened
from ...store.reconnects import Reconnects
from ...store.scan import Scan
from ...store.scanner import Scanner
from ..actor import Actor
from ..address import Address
from ..meters import ReplayMeter
from ..trading.messages import WriteFact
from .grouping import by_club
from .messages import ReconnectListenerMessage, UserReconnected, WorkDue

WAITING_MAX = 50_000  #: users; two and a half ws-servers full. Those beyond are the sweeper's
LOOKS = 100  #: users asked after in one round trip

log = structlog.get_logger(__name__)


class Returns(Protocol):
    """Hears of users who are back."""

    def open(self) -> None:
        """Begin to listen."""

    def messages(self) -> Iterable[UserId]:
        """The users, for ever."""

    def close(self) -> None:
        """Give the connection back."""


class Portfolios(Protocol):
    """What users have open."""

    def positions(self, user: UserId) -> tuple[Position, ...]:
        """The user's open positions."""


@dataclass(frozen=True, slots=True)
class _Replay:
    """One user's replay under way."""

    user: UserId
    from_ms: int | None
    scan: Scan


class ReconnectListener(Actor[ReconnectListenerMessage]):
    """Checks each user who is back against all ticks that nobody has checked, and tells them.

    Duty: whoever comes back sees what their stops have done, even if no watcher was there.
    Reads: `user:reconnect`, `last_seen:{uid}`, the user's open positions and their ticks. Writes:
    closes, by the script; a `replay` on `portfolio:{uid}`; takes `last_seen:{uid}` away;
    tells `trade-writer` of every close.
    Lease: none; `lock:replay:{uid}` makes it one replay among the replicas.
    While it is down: nobody is told; the stop-watcher and the sweeper close all the same.
    """

    def __init__(
        self,
        open_returns: Callable[[], Returns],
        reconnects: Reconnects,
        portfolios: Portfolios,
        scanner: Scanner,
        writer: Address[WriteFact],
        calendar: Calendar,
        meter: ReplayMeter,
        waiting: dict[UserId, None],
    ) -> None:
        """Take *waiting*, users to be looked at, oldest return first; it outlives the actor."""
        super().__init__()
        self._open_returns = open_returns
        self._reconnects = reconnects
        self._portfolios = portfolios
        self._scanner = scanner
        self._writer = writer
        self._calendar = calendar
        self._meter = meter
        self._waiting = waiting
        self._returns: Returns
        self._chosen: deque[UserId] = deque()  # the next of them that have open positions
        self._replay: _Replay | None = None
        self._asked = False  # whether a WorkDue is under way

    def started(self) -> None:
        self._returns = self._open_returns()
        self._returns.open()
        self.link(self._listen)
        self._go_on()

    def receive(self, message: ReconnectListenerMessage) -> None:
        match message:
            case UserReconnected(user):
                self._take(user)
            case WorkDue():
                self._asked = False
                self._work()
                self._go_on()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        self._returns.close()

    def detail(self) -> Mapping[str, object]:
        return {"waiting": len(self._waiting), **self._meter.results}

    def _listen(self) -> None:
        try:
            for user in self._returns.messages():
                self.me.tell(UserReconnected(user))
        finally:
            self._returns.close()  # the reader ends with its actor, however that ends

    def _take(self, user: UserId) -> None:
        if user not in self._waiting and len(self._waiting) >= WAITING_MAX:
            self._meter.results["dropped"] += 1
            return
        self._waiting[user] = None
        self._go_on()

    def _go_on(self) -> None:
        self._meter.waiting = len(self._waiting)
        if not self._asked and (self._replay or self._waiting):
            self._asked = True
            self.me.tell(WorkDue())

    def _work(self) -> None:
        """Do one bounded piece: a step of a replay, the begin of one, or a look at who waits."""
        if self._replay:
            if not self._replay.scan.step():
                replay, self._replay = self._replay, None
                self._finish(replay)
        elif self._chosen:
            self._begin(self._chosen.popleft())
        else:
            self._choose()

    def _choose(self) -> None:
        users = list(islice(self._waiting, LOOKS))
        chosen = self._reconnects.with_positions(users)
        nothing = set(users).difference(chosen)
        self._reconnects.end_absences(nothing)
        for user in nothing:
            del self._waiting[user]
        self._chosen += chosen
        self._meter.results["nothing"] += len(nothing)

    def _begin(self, user: UserId) -> None:
        self._waiting.pop(user, None)  # whatever happens: the next one must not wait for this one
        if not self._reconnects.take(user):
            self._meter.results["elsewhere"] += 1
            return
        from_ms = self._reconnects.take_absence(user)
        positions = by_club(
            (position.idx, position.id) for position in self._portfolios.positions(user)
        )
        scan = self._scanner.begin(positions, By.RECONNECT_LISTENER)
        self._replay = _Replay(user, from_ms, scan)

    def _finish(self, replay: _Replay) -> None:
        if replay.scan.left:
            log.error("positions cannot be closed", positions=replay.scan.left)
        for close in replay.scan.happened:
            self._writer.tell(WriteFact(close, AsyncResult()))  # nobody waits for its answer
        closed = tuple(map(_closed, replay.scan.happened))
        push = ReplayPush(replay.from_ms, self._calendar(), closed, replay.scan.ticks)
        self._reconnects.tell(replay.user, push)
        self._meter.results["done"] += 1


def _closed(close: Happened) -> ReplayedClose:
    event, trigger = close.event, close.event.trigger
    tick_ms = int(trigger.tick_id.partition("-")[0]) if trigger else event.at_ms
    return ReplayedClose(
        event.position.id, event.reason or CloseReason.CLIENT, tick_ms, event.px or 0, event.pnl_e4
    )
