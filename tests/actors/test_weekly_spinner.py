"""The weekly spinner: whoever leads promises, draws, pays and announces, and catches up."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest
from structlog.testing import capture_logs
from touchline.actors.boards.messages import LeaseDue, LookDue, StepDue
from touchline.actors.boards.meters import SpinnerMeter
from touchline.actors.boards.weekly_spinner import LATE_S, WeeklySpinner
from touchline.domain.leaderboard import Week, week_of
from touchline.domain.spinner import drawn_from_ms
from touchline.store.draws import Draws
from touchline.store.fence import Fence
from touchline.store.lease import Lease
from touchline.store.spins import Hindrance, Spins

from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock
from tests.fakes.facts import AT_MS
from tests.fakes.spinning import credited, freeze, spins, statuses

pytestmark = pytest.mark.external

WEEK = week_of(AT_MS)
NEXT = week_of(WEEK.ends_ms)


class Spinning:
    """The spinner of one api-server over *books*, started, and everything done that it can do."""

    def __init__(self, books: Books, clock: FakeClock, steps: Any = None) -> None:
        self.books, self.clock, self.meter = books, clock, SpinnerMeter()
        self.lease = Lease(books.redis, books.keys.lease("spinner"), monotonic=clock.monotonic)
        self.fence = Fence(books.pg, "spinner")
        self.actor = WeeklySpinner(
            steps or spins(books),
            self.lease,
            self.fence,
            clock.calendar,
            clock.monotonic,
            self.meter,
        )
        self.actor.started()
        self.look()

    def look(self) -> None:
        """One look, and all that follows from it."""
        self.actor.receive(LookDue())
        while self.actor.actor_inbox.depth:
            _, following, _ = self.actor.actor_inbox.take()
            self.actor.receive(following)

    def at(self, ms: int) -> None:
        """The calendar has come to *ms*."""
        self.clock.advance((ms - self.clock.calendar()) / 1000)
        self.actor.receive(LeaseDue())
        self.look()

    @property
    def ailing(self) -> object:
        return self.actor.detail()["ailing"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(AT_MS)


@pytest.fixture
def spinning(books: Books, clock: FakeClock) -> Spinning:
    return Spinning(books, clock)


def after(week: Week, weeks: int) -> Week:
    for _ in range(weeks):
        week = week_of(week.ends_ms)
    return week


def test_it_looks_each_second_from_its_start_on(spinning: Spinning) -> None:
    timers = {timer.message: (timer.first_s, timer.seconds) for timer in spinning.actor.timers}

    assert timers == {LeaseDue(): (2.0, 2.0), LookDue(): (0.0, 1.0)}


def test_a_seed_is_promised_before_its_week_begins(spinning: Spinning) -> None:
    assert statuses(spinning.books) == {WEEK.name: "open", NEXT.name: "open"}

    spinning.at(NEXT.starts_ms)

    third = after(WEEK, 2)
    assert statuses(spinning.books).keys() == {WEEK.name, NEXT.name, third.name}
    found = Draws(spinning.books.pg).read(third)
    assert found is not None
    assert found.committed_ms < third.starts_ms


def test_a_week_is_drawn_five_minutes_past_midnight_of_monday(spinning: Spinning) -> None:
    freeze(spinning.books.pg, WEEK, (1, 2, 3))

    spinning.at(drawn_from_ms(WEEK) - 1)
    assert statuses(spinning.books)[WEEK.name] == "open"
    spinning.at(drawn_from_ms(WEEK))

    assert statuses(spinning.books)[WEEK.name] == "announced"
    assert (spinning.meter.draws, spinning.meter.unpaid) == (1, 0)
    assert len(credited(spinning.books)) == 3


def test_a_board_that_becomes_final_later_is_waited_for(spinning: Spinning) -> None:
    spinning.at(drawn_from_ms(WEEK) + 3_600_000)
    assert statuses(spinning.books)[WEEK.name] == "open"
    assert spinning.ailing == ""

    freeze(spinning.books.pg, WEEK, (2,))
    spinning.look()

    assert statuses(spinning.books)[WEEK.name] == "announced"


def test_every_week_that_was_missed_is_caught_up_in_order(books: Books, clock: FakeClock) -> None:
    Spinning(books, clock).actor.stopped()
    weeks = [after(WEEK, number) for number in range(4)]
    for week in reversed(weeks):
        freeze(books.pg, week, (1, 2, 3))

    late = Spinning(books, clock)
    late.at(drawn_from_ms(weeks[-1]))

    assert [statuses(books)[week.name] for week in weeks] == ["announced"] * 4
    keys = [
        str(key)
        for (key,) in books.rows(
            "SELECT idem_key FROM wallet_ledger WHERE kind = 'prize' ORDER BY treasury_version"
        )
    ]
    assert keys == [f"spin:{week.name}:{number}" for week in weeks for number in (1, 2, 3)]


def test_of_two_replicas_one_spins_and_the_other_takes_over(
    spinning: Spinning, clock: FakeClock
) -> None:
    books = spinning.books
    other = Spinning(books, clock)
    assert not other.lease.held()
    freeze(books.pg, WEEK, (1, 2, 3))
    clock.advance((drawn_from_ms(WEEK) - clock.calendar()) / 1000)
    spinning.actor.receive(LeaseDue())
    other.look()
    assert statuses(books)[WEEK.name] == "open"

    spinning.actor.stopped()
    other.actor.receive(LeaseDue())
    other.look()

    assert statuses(books)[WEEK.name] == "announced"
    assert (spinning.meter.draws, other.meter.draws) == (0, 1)


def test_one_that_stood_still_while_another_took_over_draws_nothing(
    spinning: Spinning, clock: FakeClock
) -> None:
    books = spinning.books
    freeze(books.pg, WEEK, (1,))
    clock.advance((drawn_from_ms(WEEK) - clock.calendar()) / 1000)
    spinning.actor.receive(LeaseDue())
    present = Fence(books.pg, "spinner")
    present.take()
    with books.pg.transaction() as cursor:
        present.show(cursor)

    spinning.look()

    assert statuses(books)[WEEK.name] == "open"
    assert not spinning.lease.held()


def test_without_the_lease_what_was_left_to_do_is_dropped(
    spinning: Spinning, clock: FakeClock
) -> None:
    freeze(spinning.books.pg, WEEK, (1,))
    spinning.clock.advance((drawn_from_ms(WEEK) - clock.calendar()) / 1000)
    spinning.actor.receive(LeaseDue())
    spinning.actor.receive(LookDue())
    clock.advance(10)

    spinning.actor.receive(StepDue())

    assert statuses(spinning.books)[WEEK.name] == "open"


def test_a_seed_that_cannot_be_opened_is_told_once_and_ails_until_it_can(
    spinning: Spinning, clock: FakeClock
) -> None:
    books = spinning.books
    spinning.actor.stopped()
    with capture_logs() as lines:
        other = Spinning(books, clock, spins(books, secret=b"o" * 32))
        other.look()

    told = [line for line in lines if line["log_level"] == "error"]
    assert [line["week"] for line in told] == [WEEK.name, NEXT.name]
    assert f"{WEEK.name}: {Hindrance.SEALED.value}" in str(other.ailing)
    assert other.meter.hindered == 2
    other.actor.stopped()
    assert Spinning(books, clock).ailing == ""


def test_a_week_that_is_held_up_holds_up_no_other(books: Books, clock: FakeClock) -> None:
    other = Spinning(books, clock, spins(books, secret=b"o" * 32))
    other.actor.stopped()
    for week in (WEEK, after(WEEK, 2)):
        freeze(books.pg, week, (1,))

    spinning = Spinning(books, clock)
    spinning.at(drawn_from_ms(after(WEEK, 2)))

    assert statuses(books)[WEEK.name] == "open"
    assert statuses(books)[after(WEEK, 2).name] == "announced"
    assert WEEK.name in str(spinning.ailing)


class Stuck:
    """Steps with which no prize gets to the ledger."""

    def __init__(self, real: Spins) -> None:
        self.promise, self.unfinished = real.promise, real.unfinished

    def step(self, each: Any, now_ms: int, fence: Any = None) -> Hindrance | None:
        return Hindrance.UNPAID


def test_prizes_that_wait_for_the_ledger_ail_after_a_minute(books: Books, clock: FakeClock) -> None:
    spinning = Spinning(books, clock, Stuck(spins(books)))
    assert spinning.ailing == ""

    clock.advance(LATE_S + 1)
    spinning.actor.receive(LeaseDue())
    spinning.look()

    assert f"{WEEK.name}: {Hindrance.UNPAID.value}" in str(spinning.ailing)


class Away:
    """Postgres is not to be had."""

    def promise(self, *_: Any) -> Any:
        raise psycopg2.OperationalError("away")


def test_an_outage_ends_an_incarnation_and_the_next_one_goes_on(
    books: Books, clock: FakeClock
) -> None:
    freeze(books.pg, WEEK, (1,))
    with pytest.raises(psycopg2.OperationalError):
        Spinning(books, clock, Away())
    books.redis.delete(books.keys.lease("spinner"))

    Spinning(books, clock).at(drawn_from_ms(WEEK))

    assert statuses(books)[WEEK.name] == "announced"


def test_what_it_tells_of_itself(spinning: Spinning) -> None:
    assert spinning.actor.detail() == {
        "lease": True,
        "draws": 0,
        "unpaid": 0,
        "hindered": {
            WEEK.name: Hindrance.EARLY.value,
            NEXT.name: Hindrance.EARLY.value,
        },
        "ailing": "",
    }
