"""The end of a week: when it may be frozen, by whom, and that it is frozen once and as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg2
import pytest
import redis.exceptions
from touchline.actors.boards.messages import LeaseDue, LookDue
from touchline.actors.boards.week_freezer import BATCH, GRACE_S
from touchline.domain.ids import uuid7
from touchline.domain.leaderboard import WEEK_MS, Week, week_of
from touchline.store.commands import Credited
from touchline.store.outage import OUTAGES
from touchline.store.rehydrate import rehydrate
from touchline.store.scripts import CreditCommand, Filled
from touchline.store.week_end import WeekEnd
from touchline.store.weekly_books import WeeklyBooks

from tests.fakes.bookkeeping import START_E4, Books
from tests.fakes.clock import FakeClock
from tests.fakes.facts import AT_MS, add_users
from tests.fakes.failing import Away, Countdown, Killed
from tests.fakes.weeks import Freezing

pytestmark = pytest.mark.external

W43 = week_of(AT_MS)
W44, W45 = week_of(W43.ends_ms), week_of(W43.ends_ms + WEEK_MS)
ANN, BOB, CAT = 1, 2, 3
CLUB = 7


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(AT_MS)


@pytest.fixture
def freezing(redis, pg, clock) -> Freezing:
    """Week 43 is open, and everybody has joined within it."""
    freezing = Freezing(Books(redis, pg), clock)
    freezing.settle()
    return freezing


def trade(freezing: Freezing, user: int, at_ms: int, qty: int = 1000, times: int = 1) -> None:
    for _ in range(times):
        command = replace(freezing.books.command(user, CLUB, "buy", qty), now_ms=at_ms)
        (outcome,) = freezing.books.scripts.execute([command])
        assert isinstance(outcome, Filled)


def give(freezing: Freezing, user: int, at_ms: int, amount_e4: int = 5_000_000) -> None:
    gift = uuid7(at_ms)
    credit = CreditCommand(gift, user, "prize", amount_e4, gift, "a prize", at_ms)
    assert isinstance(freezing.books.scripts.wallet_credit(credit), Credited)


def marked(freezing: Freezing, user: int) -> int:
    return freezing.books.hot.portfolio(user).marked_e4


def go(clock: FakeClock, at_ms: int) -> None:
    """To an instant of the calendar."""
    clock.advance((at_ms - clock.calendar()) / 1000)


def boards(freezing: Freezing, week: Week = W43, board: str = "people") -> dict[int, int]:
    """Scores of a week's final board, by user, in the order of the places."""
    return {row[3]: row[4] for row in freezing.frozen() if row[:2] == (week.name, board)}


def test_a_week_ends_with_what_everybody_has_made_of_what_they_were_given(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, qty=20_000, times=3)
    trade(freezing, BOB, W43.ends_ms - 1, times=3)
    trade(freezing, CAT, W43.ends_ms - 1, times=2)
    give(freezing, BOB, W43.ends_ms - 1)
    scores = {ANN: marked(freezing, ANN) - START_E4, BOB: marked(freezing, BOB) - START_E4}
    scores[BOB] -= 5_000_000

    go(clock, W43.ends_ms)
    freezing.settle()

    assert boards(freezing) == scores
    assert [row[2] for row in freezing.frozen()] == [1, 2]
    assert [row[3] for row in freezing.frozen()] == sorted(scores, key=lambda one: -scores[one])
    assert freezing.weeks() == [(W43.name, True, False), (W44.name, False, False)]


def test_what_one_week_ends_with_the_next_one_begins_with(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    worth = marked(freezing, ANN)

    go(clock, W43.ends_ms)
    freezing.settle()

    snapshots = "SELECT iso_week, user_id, equity_e4 FROM equity_snapshots ORDER BY user_id"
    others = [(W44.name, BOB, START_E4), (W44.name, CAT, START_E4)]
    assert freezing.books.rows(snapshots) == [(W44.name, ANN, worth), *others]


@pytest.mark.parametrize("late_s", [0, 3 * WEEK_MS // 1000])
def test_nothing_of_after_midnight_changes_the_week_that_ended(freezing, clock, late_s):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    trade(freezing, BOB, W43.ends_ms - 1, times=2)
    cash_e4 = freezing.books.hot.wallet(ANN).cash_e4
    trade(freezing, BOB, W43.ends_ms, qty=20_000)
    trade(freezing, ANN, W43.ends_ms)
    mark_px = freezing.books.hot.instrument(CLUB).mark_px  # by a tick of the very instant
    trade(freezing, ANN, W43.ends_ms + 1, qty=50_000)
    give(freezing, ANN, W43.ends_ms + 1)
    assert freezing.books.hot.instrument(CLUB).mark_px > mark_px

    go(clock, W43.ends_ms + 2 + 1000 * late_s)
    freezing.settle()

    assert boards(freezing) == {ANN: cash_e4 + 3 * mark_px - START_E4}


def test_bots_have_a_final_board_of_their_own(freezing, clock):
    freezing.books.rows("UPDATE users SET is_bot = true WHERE id = %s", (BOB,))
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    trade(freezing, BOB, W43.ends_ms - 1, times=3)

    go(clock, W43.ends_ms)
    freezing.settle()

    assert boards(freezing).keys() == {ANN}
    assert boards(freezing, board="bots").keys() == {BOB}


@pytest.mark.parametrize("status", ["suspended", "deleted"])
def test_who_is_suspended_has_no_place_but_an_opening(freezing, clock, status):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    freezing.books.rows("UPDATE users SET status = %s WHERE id = %s", (status, ANN))

    go(clock, W43.ends_ms)
    freezing.settle()

    assert boards(freezing) == {}
    opened = "SELECT user_id FROM equity_snapshots WHERE iso_week = %s ORDER BY 1"
    assert freezing.books.rows(opened, (W44.name,)) == [(ANN,), (BOB,), (CAT,)]


def test_a_week_without_anybody_is_frozen_as_well(redis, pg, clock):
    freezing = Freezing(Books(redis, pg), clock)
    for client_key in redis.scan_iter("*outbox"):
        redis.delete(client_key)
    freezing.settle()

    go(clock, W43.ends_ms)
    freezing.settle()

    assert freezing.frozen() == []
    assert freezing.weeks() == [(W43.name, True, False), (W44.name, False, False)]


def test_weeks_that_were_missed_are_frozen_in_order_each_with_its_own(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    first = marked(freezing, ANN)
    give(freezing, ANN, W44.starts_ms + 1)
    trade(freezing, ANN, W44.ends_ms - 1, qty=20_000, times=3)
    second = marked(freezing, ANN)
    trade(freezing, BOB, W45.ends_ms - 1, qty=20_000, times=3)
    third = marked(freezing, BOB)

    go(clock, W45.ends_ms + 3_600_000)
    freezing.settle()

    assert boards(freezing, W43) == {ANN: first - START_E4}
    assert boards(freezing, W44) == {ANN: second - first - 5_000_000}
    assert boards(freezing, W45) == {BOB: third - START_E4}
    assert [week[:2] for week in freezing.weeks()] == [
        (W43.name, True),
        (W44.name, True),
        (W45.name, True),
        ("2026-W46", False),
    ]


@pytest.mark.parametrize("crashes", [False, True])
def test_weeks_that_pass_before_the_first_can_be_opened_are_caught_up_with(
    redis, pg, clock, crashes
):
    freezing = Freezing(Books(redis, pg), clock)
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    first = marked(freezing, ANN)
    trade(freezing, BOB, W44.ends_ms - 1, qty=20_000, times=3)
    second = marked(freezing, BOB)

    go(clock, W45.starts_ms + 1)
    if crashes:
        freezing.lease.release()
        freezing = Freezing(freezing.books, clock, meter=freezing.meter)
    freezing.settle()

    assert boards(freezing, W43) == {ANN: first - START_E4}
    assert boards(freezing, W44) == {BOB: second - START_E4}
    assert [week[:2] for week in freezing.weeks()] == [
        (W43.name, True),
        (W44.name, True),
        (W45.name, False),
    ]


def test_a_week_that_is_frozen_stays_as_it_is(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    go(clock, W43.ends_ms)
    freezing.settle()
    before = freezing.frozen(), freezing.weeks()

    trade(freezing, BOB, W43.ends_ms - 1, times=3)  # by a clock that lags very much
    again = Freezing(freezing.books, clock, owner="another")
    freezing.lease.release()
    again.settle()

    assert (again.frozen(), again.weeks()) == before


def test_what_was_begun_before_midnight_is_waited_for(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    go(clock, W43.ends_ms)
    freezing.roll()
    freezing.look()
    assert freezing.weeks()[0] == (W43.name, False, False)
    assert freezing.actor.detail()["waits_for"] == "what was begun before its end"

    clock.advance(GRACE_S - 0.001)
    trade(freezing, BOB, W43.ends_ms - 1, times=3)
    freezing.roll()
    freezing.look()
    assert freezing.weeks()[0] == (W43.name, False, False)
    clock.advance(0.001)
    freezing.look()

    assert boards(freezing).keys() == {ANN, BOB}


def test_nothing_is_waited_for_once_something_has_happened_after_midnight(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    go(clock, W43.ends_ms + 1)
    trade(freezing, BOB, W43.ends_ms + 1)
    freezing.roll()

    freezing.look()

    assert boards(freezing).keys() == {ANN}


def test_prices_are_waited_for_until_the_roller_has_them(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    go(clock, W43.ends_ms - 1)
    freezing.look()
    trade(freezing, BOB, W43.ends_ms + 1)
    go(clock, W43.ends_ms + 2)

    freezing.look()
    assert freezing.weeks()[0] == (W43.name, False, False)
    assert freezing.actor.detail()["waits_for"] == "prices"
    clock.advance(61)
    freezing.look()
    assert freezing.actor.detail()["ailing"].startswith("a week waits for prices, 6")
    freezing.roll()
    freezing.look()

    assert boards(freezing).keys() == {ANN}
    assert freezing.actor.detail()["ailing"] == ""


def test_parked_facts_count(freezing, clock):
    books = freezing.books
    trade(freezing, ANN, W43.ends_ms - 2, times=3)
    give(freezing, ANN, W43.ends_ms - 1)
    position = books.happened(replace(books.open_command(BOB, CLUB), now_ms=W43.ends_ms - 1))
    for _ in range(2):
        books.happened(replace(books.open_command(BOB, CLUB), now_ms=W43.ends_ms - 1))
    books.happened(replace(books.close_command(position), now_ms=W43.ends_ms - 1))
    scores = {ANN: marked(freezing, ANN) - START_E4 - 5_000_000, BOB: marked(freezing, BOB)}
    scores[BOB] -= START_E4
    tables = ("trades", "wallet_ledger", "cfd_events")
    for table in tables:
        books.rows(f"ALTER TABLE {table} ADD CONSTRAINT never CHECK (turn < 4) NOT VALID")
    try:
        go(clock, W43.ends_ms)
        freezing.settle()
    finally:
        for table in tables:
            books.rows(f"ALTER TABLE {table} DROP CONSTRAINT never")

    assert books.rows("SELECT count(*) FROM trade_outbox") == [(4,)]
    assert books.rows("SELECT count(*) FROM position_outbox") == [(4,)]
    assert boards(freezing) == scores


@pytest.mark.parametrize("lost", [False, True])
def test_a_week_whose_last_ticks_may_be_lost_is_approximate(freezing, clock, lost):
    trade(freezing, ANN, W43.ends_ms - 10, times=3)
    freezing.roll()
    trade(freezing, BOB, W43.ends_ms - 5)
    if lost:
        freezing.books.redis.xtrim(freezing.books.keys.ticks(CLUB), 0, approximate=False)
    trade(freezing, BOB, W43.ends_ms + 5)

    go(clock, W43.ends_ms + 6)
    freezing.settle()

    assert freezing.weeks()[0] == (W43.name, True, lost)
    assert boards(freezing).keys() == {ANN}


def test_of_two_replicas_one_freezes_a_week(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    trade(freezing, BOB, W43.ends_ms + 1)
    other = Freezing(freezing.books, clock, owner="other")
    go(clock, W43.ends_ms + 2)
    freezing.roll()
    freezing.actor.receive(LeaseDue())
    freezing.actor.receive(LookDue())  # and stands still in the middle
    freezing.books.redis.delete(freezing.lease.key)  # it does not know

    other.look()
    frozen = other.frozen()
    while freezing.actor.actor_inbox.depth:
        _, following, _ = freezing.actor.actor_inbox.take()
        freezing.actor.receive(following)

    assert frozen != []
    assert (freezing.frozen(), freezing.meter.frozen, other.meter.frozen) == (frozen, 0, 1)


def test_who_was_overtaken_before_the_other_wrote_writes_nothing(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    trade(freezing, BOB, W43.ends_ms + 1)
    go(clock, W43.ends_ms + 2)
    freezing.roll()
    freezing.actor.receive(LeaseDue())
    other = Freezing(freezing.books, clock, owner="other")
    other.fence.take()
    with freezing.books.pg.transaction() as cursor:
        other.fence.show(cursor)

    freezing.look()

    assert freezing.frozen() == []
    assert freezing.weeks() == [(W43.name, False, False)]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(1, 11))
def test_whoever_is_killed_in_the_middle_leaves_all_or_nothing(freezing, clock, step, after):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    score = marked(freezing, ANN) - START_E4
    trade(freezing, BOB, W43.ends_ms + 1)
    go(clock, W43.ends_ms + 2)
    freezing.roll()
    freezing.lease.release()
    books, countdown = freezing.books, Countdown(step, after=after)
    past = WeekEnd(books.redis, books.keys, books.hot, books.pg, books.drain())
    parts = {"books": countdown.guard(WeeklyBooks(books.pg)), "past": countdown.guard(past)}

    mortal = Freezing(books, clock, owner="here", but=parts)
    with pytest.raises(Killed):
        mortal.look()
    weeks = mortal.weeks()
    assert weeks in (
        [(W43.name, False, False)],
        [(W43.name, True, False), (W44.name, False, False)],
    )
    assert (mortal.frozen() != []) is weeks[0][1]
    Freezing(books, clock, owner="here").settle()

    assert boards(freezing) == {ANN: score}
    assert freezing.weeks() == [(W43.name, True, False), (W44.name, False, False)]


@pytest.mark.parametrize("what", ["latest", "everybody", "openings", "roll_over"])
def test_postgres_away_ends_an_incarnation_and_the_next_one_freezes(freezing, clock, what):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    trade(freezing, BOB, W43.ends_ms + 1)
    go(clock, W43.ends_ms + 2)
    freezing.roll()
    freezing.lease.release()
    away = Absent(WeeklyBooks(freezing.books.pg), what, psycopg2.OperationalError("away"))

    with pytest.raises(psycopg2.OperationalError):
        Freezing(freezing.books, clock, owner="here", but={"books": away}).look()
    assert freezing.frozen() == []
    Freezing(freezing.books, clock, owner="here").settle()

    assert boards(freezing).keys() == {ANN}


def test_while_redis_is_away_nothing_is_frozen(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    go(clock, W43.ends_ms + 2)
    books = freezing.books
    real = WeekEnd(books.redis, books.keys, books.hot, books.pg, books.drain())
    away: Any = Away(real, redis.exceptions.ConnectionError("away"))
    away.away = True
    freezing.lease.release()

    with pytest.raises(OUTAGES):
        Freezing(books, clock, owner="here", but={"past": away}).look()

    assert freezing.weeks() == [(W43.name, False, False)]


def test_a_loss_of_redis_changes_nothing_of_a_week_that_postgres_has(freezing, clock):
    trade(freezing, ANN, W43.ends_ms - 1, times=3)
    score = marked(freezing, ANN) - START_E4
    books = freezing.books
    books.drain().everything()
    freezing.roll()
    books.redis.flushdb()
    assert rehydrate(books.redis, books.keys, books.pg) is not None
    go(clock, W43.ends_ms)

    Freezing(books, clock, owner="here").settle()

    assert boards(freezing) == {ANN: score}
    assert freezing.weeks()[0] == (W43.name, True, False)


def test_users_are_valued_some_at_a_time_and_the_lease_is_renewed_meanwhile(redis, pg, clock):
    books = Books(redis, pg)
    users = range(10, 10 + BATCH)
    add_users(pg, *users)
    for user in users:
        books.grant(user)
    freezing = Freezing(books, clock)
    freezing.settle()
    books.grant(ANN)
    go(clock, W43.ends_ms + 1)
    trade(freezing, BOB, W43.ends_ms + 1)
    freezing.roll()
    freezing.actor.receive(LeaseDue())

    freezing.actor.receive(LookDue())
    pieces = 0
    while freezing.actor.actor_inbox.depth:
        _, following, _ = freezing.actor.actor_inbox.take()
        freezing.actor.receive(following)
        freezing.actor.receive(LeaseDue())
        clock.advance(4)
        pieces += following != LookDue()

    assert pieces == 3  # two of users, one to write
    opened = "SELECT count(*) FROM equity_snapshots WHERE iso_week = %s"
    assert books.rows(opened, (W44.name,)) == [(3 + BATCH,)]


def test_it_looks_every_second(freezing):
    timers = {timer.message: timer.seconds for timer in freezing.actor.timers}

    assert timers == {LeaseDue(): 2.0, LookDue(): 1.0}


class Absent:
    """Postgres, which does not answer when it is asked for *what*."""

    def __init__(self, real: Any, what: str, error: Exception) -> None:
        self._real, self._what, self._error = real, what, error

    def __getattr__(self, name: str) -> Any:
        if name == self._what:
            raise self._error
        return getattr(self._real, name)
