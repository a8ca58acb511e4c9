"""Closes positions the moment a price meets one of their stops."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, assert_never

import structlog

from ...domain.clock import Monotonic
from ...domain.ids import InstrumentIdx
from ...domain.position_events import By
from ...domain.refusals import Refused
from ...domain.scanning import Cursor
from ...store.lease import Lease
from ...store.scan import Scan
from ...store.scanner import Scanner
from ...store.watch import Due, Passed, Watch
from ..actor import Actor
from ..meters import StopMeter
from .messages import EveryClubDue, LeaseDue, StopWatcherMessage, WorkDue

RENEW_S = 2.0  #: real seconds between renewals; a third of the lease's time to live
EVERY_S = 1.0  #: real seconds after which a doorbell that was lost does not matter any more
FEW = 25  #: positions of a club that are scanned together with those of others
LOOKS = 8  #: clubs looked at in one round trip; each may take Redis some milliseconds
LAG_S = 5.0  #: real seconds behind the prices; then people should know

log = structlog.get_logger(__name__)


class Doorbell(Protocol):
    """Rings for a club with each of its prices."""

    def open(self) -> None:
        """Begin to listen."""

    def messages(self) -> Iterable[InstrumentIdx]:
        """The clubs, for ever."""

    def close(self) -> None:
        """Give the connection back."""


@dataclass(frozen=True, slots=True)
class _Dealing:
    """Positions of some clubs, each up to a tick, being scanned."""

    due: Mapping[InstrumentIdx, Due]
    scan: Scan


class StopWatcher(Actor[StopWatcherMessage]):
    """Asks for each club whom its next ticks concern, and has those scanned.

    Duty: stop-losses, take-profits, trailing stops, liquidations and margin calls happen when
    their price is there.
    Reads: `price:*` as a doorbell and, every second, all clubs; `ticks:{idx}`, `trig:{idx}:*`,
    positions. Writes: `watch:{idx}`; closes and follows positions by their scripts.
    Lease: `lease:stop-watcher`, asked for by the scripts themselves.
    While it is down: positions stay open beyond their stops; its successor closes them at the
    tick that met the stop, as do `margin-reconnect-listener` and `margin-backstop-sweeper`.
    """

    def __init__(
        self,
        open_doorbell: Callable[[], Doorbell],
        watch: Watch,
        scanner: Scanner,
        lease: Lease,
        monotonic: Monotonic,
        meter: StopMeter,
    ) -> None:
        super().__init__()
        self._open_doorbell = open_doorbell
        self._watch = watch
        self._scanner = scanner
        self._lease = lease
        self._monotonic = monotonic
        self._meter = meter
        self._doorbell: Doorbell
        #: Clubs to be looked at, each with the tick that has been dealt with there, if any.
        self._rung: dict[InstrumentIdx, Cursor | None] = {}
        self._dealing: deque[_Dealing] = deque()
        self._resisting: dict[InstrumentIdx, list[str]] = {}
        #: Clubs that have not got as far as their ticks did when all were to be looked at, each
        #: with the last tick of then; and when that was.
        self._behind: dict[InstrumentIdx, int] = {}
        self._began_at = 0.0

    def started(self) -> None:
        self._doorbell = self._open_doorbell()
        self._doorbell.open()
        self._renew()
        self.link(self._listen)
        self.every(RENEW_S, LeaseDue())
        self.every(EVERY_S, EveryClubDue())
        self.me.tell(EveryClubDue())

    def receive(self, message: StopWatcherMessage) -> None:
        match message:
            case WorkDue():
                self._work()
            case EveryClubDue():
                if self._lease.held():
                    self._look_at_all()
            case LeaseDue():
                self._renew()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        self._doorbell.close()
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        lag_s = self._meter.lag_s(self._monotonic()) if self._lease.held() else None
        stuck = ", ".join(str(idx) for idx in self._resisting)
        ailing = f"prices are {lag_s:.0f} s ahead of stops" if lag_s and lag_s > LAG_S else ""
        return {
            "lease": self._lease.held(),
            "lag_s": None if lag_s is None else round(lag_s, 3),
            "dealing": len(self._dealing),
            "ailing": f"positions that cannot be closed, in {stuck}" if stuck else ailing,
        }

    def _listen(self) -> None:
        try:
            for idx in self._doorbell.messages():
                if self._lease.held():
                    self._ring((idx,))
        finally:
            self._doorbell.close()  # the reader ends with its actor, however that ends

    def _look_at_all(self) -> None:
        began_at, newest = self._monotonic(), self._watch.newest()
        if not self._behind:
            self._behind, self._began_at = dict(newest), began_at
        self._ring(newest)

    def _ring(self, clubs: Iterable[InstrumentIdx]) -> None:
        idle = not self._rung and not self._dealing
        for idx in clubs:
            self._rung.setdefault(idx, None)
        if idle and self._rung:
            self.me.tell(WorkDue())

    def _renew(self) -> None:
        token = self._lease.token
        if self._lease.renew() and self._lease.token != token:
            self._meter.level_at = self._monotonic()  # another was at it until now

    def _work(self) -> None:
        """Do a bounded piece of what there is, and tell oneself to go on if that was not all."""
        if not self._lease.held():
            self._forget()
            return
        self._look()
        self._scan()
        if self._rung or self._dealing:
            self.me.tell(WorkDue())

    def _look(self) -> None:
        busy = {idx for dealing in self._dealing for idx in dealing.due}
        free = list(islice((idx for idx in self._rung if idx not in busy), LOOKS))
        if not free:
            return
        asked = {idx: self._rung.pop(idx) for idx in free}
        looks = self._watch.look(asked, self._lease.owner, self._lease.token)
        due: dict[InstrumentIdx, Due] = {}
        for idx, look in looks.items():
            match look:
                case Refused():
                    self._fenced()
                    return
                case Passed(ticks, more):
                    self._passed(idx, ticks, more)
                case Due():
                    due[idx] = look
                case _:
                    assert_never(look)
        self._begin(due)

    def _begin(self, due: Mapping[InstrumentIdx, Due]) -> None:
        """Begin a scan of each club that has many due, and one of all the others together."""
        few = {idx: each for idx, each in due.items() if len(each.positions) <= FEW}
        for some in (few, *({idx: each} for idx, each in due.items() if idx not in few)):
            if some:
                positions = {idx: each.positions for idx, each in some.items()}
                self._meter.due += sum(map(len, positions.values()))
                scan = self._scanner.begin(
                    positions, By.STOP_WATCHER, lease_owner=self._lease.owner
                )
                self._dealing.append(_Dealing(some, scan))

    def _passed(self, idx: InstrumentIdx, ticks: int, more: bool) -> None:
        self._meter.passed += ticks
        self._resisting.pop(idx, None)
        if more:
            self._rung.setdefault(idx, None)
        else:
            self._dealt_with(idx)

    def _dealt_with(self, idx: InstrumentIdx, upto: Cursor | None = None) -> None:
        """Note that every tick of *idx* has been dealt with, or all up to one."""
        if idx not in self._behind or (upto and upto.seq < self._behind[idx]):
            return
        # There may be others by now, and somebody may be due at every one of them.
        del self._behind[idx]
        if not self._behind:
            self._meter.level_at = self._began_at

    def _scan(self) -> None:
        """One step of the first scan; the others take their turns, so that none waits for all."""
        if not self._dealing:
            return
        dealing = self._dealing.popleft()
        if dealing.scan.step():
            self._dealing.append(dealing)
        elif dealing.scan.fenced:
            self._fenced()
        else:
            for idx, due in dealing.due.items():
                self._scanned(idx, due, set(dealing.scan.left))

    def _scanned(self, idx: InstrumentIdx, due: Due, left: set[str]) -> None:
        if not left.isdisjoint(due.positions):
            self._resist(idx, [each for each in due.positions if each in left])
        else:
            self._rung[idx] = due.upto
            self._dealt_with(idx, due.upto)

    def _resist(self, idx: InstrumentIdx, positions: list[str]) -> None:
        # The watch does not pass them: that would be to forget them. They are tried every second.
        if idx not in self._resisting:
            log.error("positions cannot be closed", idx=idx, positions=positions[:10])
        self._resisting[idx] = positions

    def _fenced(self) -> None:
        log.warning("another stop-watcher took over")
        self._lease.release()
        self._forget()

    def _forget(self) -> None:
        self._rung.clear()
        self._dealing.clear()
        self._resisting.clear()
        self._behind.clear()
