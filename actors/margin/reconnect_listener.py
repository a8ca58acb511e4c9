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
from ...domain.position_events import By, PositionEvent
from ...domain.positions import CloseReason, Position
from ...domain.pushes import ReplayedClose, ReplayPush
from ...store.reconnects import Left, Reconnects, Taken
from ...store.scan import Scan
from ...store.scanner import Scanner
from ..actor import Actor
from ..address import Address
from ..meters import ReplayMeter
from ..trading.messages import WriteFact
from .grouping import by_club
from .messages import ReconnectListenerMessage, ReturnsDue, UserReconnected, WorkDue

WAITING_MAX = 50_000  #: users; two and a half ws-servers full. Those beyond come up again
LOOKS = 100  #: users asked after in one round trip
#: Real seconds between two looks for returns that were noted that long ago, and not looked after:
#: nobody heard of them, whoever was at it died, or the user had come back just before.
REMINDED_S = 5.0

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

    taken: Taken
    scan: Scan


class ReconnectListener(Actor[ReconnectListenerMessage]):
    """Checks each user who is back against all ticks that nobody has checked, and tells them.

    Duty: whoever comes back sees what their stops have done, even if no watcher was there.
    Reads: `user:reconnect`, `ws:returns`, `last_seen:{uid}`, the user's open positions and their
    ticks. Writes: closes, by the script, and with them `replayed:{uid}`; `replay:{uid}`; takes
    that, `last_seen:{uid}` and the return away once it is written; tells `trade-writer` of every
    close.
    Lease: none; `lock:replay:{uid}` makes it one replay among the replicas.
    While it is down: nobody is told until it is back; the stop-watcher and the sweeper close all
    the same.
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
        self.every(REMINDED_S, ReturnsDue())
        self._remember(self._reconnects.waiting())  # after it listens: nothing falls in between

    def receive(self, message: ReconnectListenerMessage) -> None:
        match message:
            case UserReconnected(user):
                self._remember([user])
            case ReturnsDue():
                at_it = self._replay.taken.user if self._replay else None
                late = self._reconnects.waiting(REMINDED_S)
                self._remember(user for user in late if user != at_it)
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

    def _remember(self, users: Iterable[UserId]) -> None:
        for user in users:
            if user in self._waiting or len(self._waiting) < WAITING_MAX:
                self._waiting[user] = None
            else:
                self._meter.results["dropped"] += 1
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
        left = self._reconnects.left(users)
        for user, why in left.items():
            self._leave(user, why)
        self._chosen += [user for user in users if user not in left]

    def _leave(self, user: UserId, why: Left) -> None:
        self._waiting.pop(user, None)
        self._meter.results[why.value] += 1

    def _begin(self, user: UserId) -> None:
        # Before the work: if it fails, the next one must not wait for this one.
        self._waiting.pop(user, None)
        taken = self._reconnects.take(user)
        if isinstance(taken, Left):
            self._leave(user, taken)
            return
        positions = by_club(
            (position.idx, position.id) for position in self._portfolios.positions(user)
        )
        scan = self._scanner.begin(positions, By.RECONNECT_LISTENER)
        self._replay = _Replay(taken, scan)

    def _finish(self, replay: _Replay) -> None:
        if replay.scan.left:
            log.error("positions cannot be closed", positions=replay.scan.left)
        for close in replay.scan.happened:
            self._writer.tell(WriteFact(close, AsyncResult()))  # nobody waits for its answer
        taken = replay.taken
        # Not only those of this scan: another may have died at the same return.
        closed = tuple(map(_closed, self._reconnects.closed(taken.user)))
        push = ReplayPush(taken.from_ms, self._calendar(), closed, replay.scan.ticks)
        told = self._reconnects.tell(taken, push)
        self._meter.results["done" if told else Left.ELSEWHERE.value] += 1


def _closed(event: PositionEvent) -> ReplayedClose:
    trigger = event.trigger
    tick_ms = int(trigger.tick_id.partition("-")[0]) if trigger else event.at_ms
    return ReplayedClose(
        event.position.id, event.reason or CloseReason.CLIENT, tick_ms, event.px or 0, event.pnl_e4
    )
