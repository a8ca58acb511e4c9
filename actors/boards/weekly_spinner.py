"""Draws the winners of each week, pays them and says so.

It looks at what there is to do each second instead of setting an alarm for Monday: so it makes no
difference whether it was up when a week ended, and none how fast the calendar runs. Each look
takes one step of each week that can take one, and a step that was taken has it look again at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, assert_never

import structlog

from ...domain.clock import Calendar, Monotonic
from ...domain.leaderboard import Week
from ...store.draws import Status
from ...store.fence import Fence, Fenced
from ...store.lease import Lease
from ...store.spinner_rounds import Unfinished
from ...store.spins import Hindrance
from ..actor import Actor
from ..leadership import Leadership
from .messages import LeaseDue, LookDue, SpinnerMessage, StepDue
from .meters import SpinnerMeter

LOOK_S = 1.0  #: real seconds; with the fastest calendar a week lasts some few
RENEW_S = 2.0  #: a third of the lease's time to live
LATE_S = 60.0  #: real seconds; prizes that are still not in the ledger then are late

#: What somebody has to look at; the others pass by themselves.
_WRONG = {Hindrance.SEALED, Hindrance.BROKEN, Hindrance.REFUSED}

log = structlog.get_logger(__name__)


class Spins(Protocol):
    """The steps of a draw; `store/spins.py` has the real ones."""

    def promise(self, now_ms: int, fence: Fence | None = None) -> Sequence[Week]:
        """Promise seeds for this week and the next; those that had none."""

    def unfinished(self) -> Sequence[Unfinished]:
        """Every week with something left to do, the oldest first."""

    def step(self, each: Unfinished, now_ms: int, fence: Fence | None = None) -> Hindrance | None:
        """Have a week go one step on; why it does not, or None if it does."""


class WeeklySpinner(Actor[SpinnerMessage]):
    """Promises a seed for each week, draws it once its board is final, pays and announces.

    Duty: every week with a final leaderboard has one draw, and its winners their prizes once.
    Reads: `leaderboard_weeks`, `leaderboard_weekly` and `wallet_ledger` in Postgres.
    Writes: `spinner_rounds` and `spinner_results` in Postgres; wallets, by `wallet_credit.lua`.
    Lease: `lease:spinner`, fenced in Postgres. It saves double work: each step bears to be taken
    by two.
    While it is down: no draw, and no promise for a week that begins; all is caught up later.
    """

    def __init__(
        self,
        spins: Spins,
        lease: Lease,
        fence: Fence,
        calendar: Calendar,
        monotonic: Monotonic,
        meter: SpinnerMeter,
    ) -> None:
        super().__init__()
        self._spins = spins
        self._lease = lease
        self._fence = fence
        self._calendar = calendar
        self._monotonic = monotonic
        self._meter = meter
        self._leadership = Leadership(lease, fence, monotonic, meter)
        self._waiting: list[Unfinished] = []  # of the look that is under way
        self._moved = False  # whether it has taken a step
        self._hindered: dict[str, tuple[Hindrance, float]] = {}  # by week, and since when

    def started(self) -> None:
        self._leadership.renew()
        self.every(RENEW_S, LeaseDue())
        self.every(LOOK_S, LookDue(), first_s=0.0)

    def receive(self, message: SpinnerMessage) -> None:
        match message:
            case LookDue():
                self._guarded(self._look)
            case StepDue():
                self._guarded(self._step)
            case LeaseDue():
                self._leadership.renew()
            case _:
                assert_never(message)

    def stopped(self) -> None:
        if self._lease.held():
            self._lease.release()

    def detail(self) -> Mapping[str, object]:
        held = self._lease.held()
        return {
            "lease": held,
            "draws": self._meter.draws,
            "unpaid": self._meter.unpaid if held else None,
            "hindered": {week: why.value for week, (why, _) in self._hindered.items()},
            "ailing": self._ailing() if held else "",
        }

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do *work* as the one that has the lease, or not at all."""
        if not self._lease.held():
            self._waiting = []  # whoever leads now looks for itself
            return
        try:
            work()
        except Fenced as fenced:
            log.warning("another replica spins", why=str(fenced))
            self._leadership.lose()
            self._waiting = []

    def _look(self) -> None:
        if self._waiting:
            return  # the look before is not at its end
        for week in self._spins.promise(self._calendar(), self._fence):
            log.info("spinner_promised", week=week.name)
        found = list(self._spins.unfinished())
        self._waiting, self._moved = found, False
        self._meter.unpaid = sum(each.owed for each in found)
        left = {each.week.name for each in found}
        self._hindered = {week: why for week, why in self._hindered.items() if week in left}
        self._go_on()

    def _step(self) -> None:
        if not self._waiting:
            return
        each, *self._waiting = self._waiting
        hindrance = self._spins.step(each, self._calendar(), self._fence)
        if hindrance is None:
            self._took(each)
        else:
            self._hinder(each.week.name, hindrance)
        self._go_on()

    def _go_on(self) -> None:
        self._meter.hindered = sum(why in _WRONG for why, _ in self._hindered.values())
        if self._waiting:
            self.me.tell(StepDue())
        elif self._moved:
            self.me.tell(LookDue())

    def _took(self, each: Unfinished) -> None:
        self._moved = True
        self._hindered.pop(each.week.name, None)
        self._meter.draws += each.status is Status.OPEN
        log.info("spinner_step", week=each.week.name, after=each.status and each.status.value)

    def _hinder(self, week: str, why: Hindrance) -> None:
        before, since = self._hindered.get(week, (None, 0.0))
        if why is not before:
            since = self._monotonic()
            if why in _WRONG:
                log.error("a draw is held up", week=week, why=why.value)
        self._hindered[week] = (why, since)

    def _ailing(self) -> str:
        now = self._monotonic()
        held_up = (
            f"{week}: {why.value}"
            for week, (why, since) in sorted(self._hindered.items())
            if why in _WRONG or (why is Hindrance.UNPAID and now - since > LATE_S)
        )
        return "; ".join(held_up)
