"""The steps of a week's draw, each of which may be broken off anywhere and done again.

Whoever takes them, the actor that has the lease or an admin's request, and however many at once:
the seed is the one that was promised, and each prize is paid once. `wallet_credit.lua` remembers
the key of a prize for ever, and a Redis that is put back is told all of them again from the ledger
(store/replays.py). So a prize is noted as paid only once the ledger has its credit, and the ledger
is asked before anything is paid: what Redis alone knew may be lost with it, and is then paid anew.

Source: docs/decisions/0041-the-seed-of-a-draw-is-promised-before-its-week.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from ..domain.ids import uuid7
from ..domain.leaderboard import Week, week_of
from ..domain.refusals import Refused
from ..domain.spinner import SEED_BYTES, WHEEL, Wheel, commitment, drawn_from_ms
from .commands import PRIZE, CreditCommand, CreditOutcome
from .draws import Status
from .fence import Fence
from .seals import Sealer
from .spinner_rounds import Owed, SpinnerRounds, Unfinished


class Hindrance(Enum):
    """Why a draw does not go on."""

    EARLY = "it is not time yet"
    NOT_FINAL = "its leaderboard is not final yet"
    SEALED = "its seed was sealed with a key that is not here"
    BROKEN = "its seed is not the one that was promised"
    REFUSED = "a wallet does not take its prize"
    UNPAID = "not all of its prizes are in the ledger yet"


class Credits(Protocol):
    """What pays; `store/scripts.py` has the real one."""

    def wallet_credit(self, command: CreditCommand) -> CreditOutcome:
        """Give a user money of the house, once per key for ever."""


class Facts(Protocol):
    """The way to the ledger; `store/drain.py` has the real one."""

    def facts(self) -> object:
        """Make facts durable."""


class Spins:
    """Takes the steps. Every method may raise an outage of Redis or Postgres, and Fenced."""

    def __init__(
        self,
        rounds: SpinnerRounds,
        sealer: Sealer,
        credits_: Credits,
        drain: Facts,
        wheel: Wheel = WHEEL,
    ) -> None:
        self._rounds = rounds
        self._sealer = sealer
        self._credits = credits_
        self._drain = drain
        self._wheel = wheel
        self._known: set[str] = set()  # weeks that are promised for sure

    def promise(self, now_ms: int, fence: Fence | None = None) -> list[Week]:
        """Promise seeds for the week of *now_ms* and the next; those that had none."""
        this = week_of(now_ms)
        weeks = [week for week in (this, week_of(this.ends_ms)) if week.name not in self._known]
        if not weeks:
            return []
        known = self._rounds.promised(weeks)
        made = [week for week in weeks if week.name not in known]
        for week in made:
            self._promise(week, now_ms, fence)
        self._known.update(week.name for week in weeks)
        return made

    def unfinished(self) -> list[Unfinished]:
        """Every week with something left to do, the oldest first."""
        return self._rounds.unfinished()

    def step(self, each: Unfinished, now_ms: int, fence: Fence | None = None) -> Hindrance | None:
        """Have a week go one step on; why it does not, or None if it does."""
        match each.status:
            case None:
                # Nobody was there to promise anything while the week went on. The row says when.
                self._promise(each.week, now_ms, fence)
            case Status.OPEN:
                return self._draw(each, now_ms, fence)
            case Status.DRAWN:
                return self._pay(each.week, now_ms)
            case _:
                self._rounds.announce(each.week)
        return None

    def run(self, week: Week, now_ms: int) -> Hindrance | None:
        """All steps of *week*, as far as they go; why they end early, if they do."""
        while (each := self.left_of(week)) is not None:
            hindrance = self.step(each, now_ms)
            if hindrance is not None:
                return hindrance
        return None

    def left_of(self, week: Week) -> Unfinished | None:
        """*week*, if it has something left to do."""
        return next((each for each in self.unfinished() if each.week == week), None)

    def hindrance(self, each: Unfinished, now_ms: int) -> Hindrance | None:
        """What keeps a week from being drawn; nothing is changed, and nothing drawn."""
        if each.status is not Status.OPEN:
            return None
        seed = self._sealer.open(each.sealed, each.week.name)
        if seed is None:
            return Hindrance.SEALED
        if commitment(seed) != each.commit:
            return Hindrance.BROKEN
        if now_ms < drawn_from_ms(each.week):
            return Hindrance.EARLY
        return None if each.frozen else Hindrance.NOT_FINAL

    def owed(self, week: Week) -> Sequence[Owed]:
        """The prizes of *week* that are not known to have been paid."""
        return self._rounds.owed(week)

    def _promise(self, week: Week, now_ms: int, fence: Fence | None) -> None:
        seed = os.urandom(SEED_BYTES)
        sealed = self._sealer.seal(seed, week.name)
        self._rounds.promise(week, seed, sealed, self._wheel, now_ms, fence)

    def _draw(self, each: Unfinished, now_ms: int, fence: Fence | None) -> Hindrance | None:
        week, seed = each.week, self._sealer.open(each.sealed, each.week.name)
        if seed is not None and not self._sealer.fresh(each.sealed):
            # Whatever else there is to say of it: the key it was sealed with may be gone tomorrow.
            self._rounds.reseal(week, each.sealed, self._sealer.seal(seed, week.name))
        hindrance = self.hindrance(each, now_ms)
        if hindrance is None and seed is not None:
            self._rounds.draw(week, seed, now_ms, fence)
        return hindrance

    def _pay(self, week: Week, now_ms: int) -> Hindrance | None:
        owed = {f"spin:{week.name}:{each.number}": each for each in self._rounds.owed(week)}
        known = self._rounds.in_ledger(owed)
        outcomes = [
            self._credits.wallet_credit(_credit(week, key, each, now_ms))
            for key, each in owed.items()
            if key not in known
        ]
        if outcomes:
            self._drain.facts()
            known = self._rounds.in_ledger(owed)
        if self._rounds.paid(week, [owed[key].number for key in known], now_ms):
            return None
        refused = any(isinstance(outcome, Refused) for outcome in outcomes)
        return Hindrance.REFUSED if refused else Hindrance.UNPAID


def _credit(week: Week, key: str, owed: Owed, now_ms: int) -> CreditCommand:
    return CreditCommand(
        entry_id=uuid7(now_ms),
        user=owed.user,
        kind=PRIZE,
        amount_e4=owed.amount_e4,
        idem_key=key,
        note=f"weekly spinner {week.name}, prize {owed.number}",
        now_ms=now_ms,
    )
