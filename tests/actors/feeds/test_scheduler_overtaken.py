"""A scheduler that stood still in the middle of a poll, with a successor at work since.

Its clock stood still as it did, so it still believes in its lease: what keeps
it from harm here is the scripts' own look at the lease, and the fence.
"""

import pytest
from touchline.actors.feeds.messages import LeaseDue, PollDue
from touchline.store.matches import Matches

from tests.fakes.failing import Meanwhile
from tests.fakes.matchday import KICKOFF, LEADING, LOST_PX, WON, WON_PX, Exchange
from tests.fakes.matches import a_match

pytestmark = pytest.mark.external

LEVEL = a_match("INPLAY_1ST_HALF", 1, 1, minute=31)
LEVEL_PX = 999_100  #: of the home side then


@pytest.fixture
def exchange(redis, pg):
    return Exchange(redis, pg).start()


def lease_runs_out(exchange):
    exchange.redis.delete(exchange.keys.lease("scheduler"))


def taken_over(exchange, *shown):
    """The lease has run out, and another scheduler has looked at *shown* and acted."""
    lease_runs_out(exchange)
    exchange.feed.show(*shown)
    successor = exchange.another("two")
    successor.started()
    successor.receive(PollDue())
    return successor


def paused_before(exchange, method, *shown):
    """A scheduler that will stand still before its next *method* on Postgres; its successors."""
    exchange.scheduler.stopped()
    successors = []

    def stands_still():
        successors.append(taken_over(exchange, *shown))

    matches = Meanwhile(Matches(exchange.pg), method, stands_still)
    exchange.scheduler = exchange.another("one", matches)
    exchange.scheduler.started()
    return successors


def ratings(exchange):
    with exchange.pg.transaction() as cursor:
        cursor.execute("SELECT rating FROM teams ORDER BY name")
        return [rating for (rating,) in cursor.fetchall()]


def score(exchange):
    with exchange.pg.transaction() as cursor:
        cursor.execute("SELECT home_goals, away_goals, minute FROM fixtures")
        return cursor.fetchone()


def test_what_it_saw_before_does_not_overwrite_what_its_successor_saw(exchange):
    exchange.poll(KICKOFF)
    paused_before(exchange, "seen", LEVEL)

    exchange.poll(LEADING)

    assert score(exchange) == (1, 1, 31)
    assert exchange.arsenal.index_px == LEVEL_PX
    assert exchange.scheduler.detail()["lease"] is True  # by a clock that stood still


class LateAnswers:
    """A feed whose next answer for what is in play finds that *happened* has happened since."""

    def __init__(self, real, happened):
        self._real, self._happened = real, happened

    def inplay(self):
        answer = self._real.inplay()
        self._happened()
        self._happened = lambda: None
        return answer

    def __getattr__(self, name):
        return getattr(self._real, name)


def test_a_look_from_before_moves_no_price_and_no_row(exchange):
    exchange.poll(KICKOFF)
    exchange.scheduler.stopped()
    feed = exchange.feed
    exchange.feed = LateAnswers(feed, lambda: taken_over(exchange, LEVEL))
    exchange.scheduler = exchange.another()
    exchange.scheduler.started()
    exchange.feed = feed

    exchange.poll(LEADING)

    assert exchange.arsenal.index_px == LEVEL_PX
    assert score(exchange) == (1, 1, 31)


def test_a_result_it_had_begun_to_settle_is_settled_once(exchange):
    exchange.poll(KICKOFF)
    successors = paused_before(exchange, "settle")
    before = ratings(exchange)

    exchange.poll(WON)
    exchange.poll(after_s=120)
    assert (exchange.arsenal.base_px, exchange.everton.base_px) == (WON_PX, LOST_PX)
    assert ratings(exchange) == before

    [exchange.scheduler] = successors
    for _ in range(4):
        exchange.poll(after_s=60)
    gained = [new - old for old, new in zip(before, ratings(exchange), strict=True)]
    assert gained[0] == -gained[1] > 0
    assert exchange.fixtures.progress().settled == 1
    assert (exchange.arsenal.base_px, exchange.everton.base_px) == (WON_PX, LOST_PX)


def test_one_that_wakes_while_it_takes_over_does_not_fence_its_successor_out_for_long(exchange):
    exchange.poll(KICKOFF)
    successors = []

    def stands_still() -> None:
        exchange.clock.advance(6)
        successors.append(taken_over(exchange, LEADING))

    exchange.scheduler.stopped()
    matches = Meanwhile(Matches(exchange.pg), "lead", stands_still)
    late = exchange.another("one", matches)
    late.started()
    assert late.detail()["lease"] is False

    [successor] = successors
    exchange.feed.show(LEVEL)
    late.receive(PollDue())
    for _ in range(2):  # in the first it finds itself fenced, in the second it leads again
        successor.receive(LeaseDue())
        successor.receive(PollDue())
    assert score(exchange) == (1, 1, 31)
