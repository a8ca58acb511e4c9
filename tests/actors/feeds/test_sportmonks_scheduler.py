"""The scheduler from looks to prices, results and rows, on a real Redis and Postgres."""

import pytest
from touchline.actors.feeds.index_writer import UnknownInstrument
from touchline.actors.feeds.messages import LeaseDue, PollDue
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.domain.instrument import new_instrument
from touchline.store.feed import RateLimited
from touchline.store.matches import Matches
from touchline.store.outage import FeedUnavailable

from tests.fakes.matchday import BASE_PX, KICKOFF, LEADING, LOST_PX, WON, WON_PX, Exchange
from tests.fakes.matches import ARSENAL, FULHAM, HOUR_MS, KICKOFF_MS, a_match


@pytest.fixture
def exchange(redis, pg):
    return Exchange(redis, pg).start()


def test_the_first_poll_lists_the_clubs_and_their_match(exchange):
    assert [i.symbol for i in exchange.hot.instruments()] == ["EVE", "ARS"]
    assert {i.index_px for i in exchange.hot.instruments()} == {BASE_PX}
    assert exchange.fixtures.progress().fixtures == 1


def test_a_goal_moves_both_clubs_at_once_and_rests_trading(exchange):
    exchange.poll(KICKOFF)

    exchange.poll(LEADING)

    assert exchange.arsenal.index_px == 1_014_700
    assert exchange.everton.index_px == 985_300
    assert exchange.arsenal.halt == exchange.everton.halt == Halt.EVENT
    assert exchange.arsenal.phase is Phase.LIVE


def test_trading_resumes_ten_seconds_after_the_goal(exchange):
    exchange.poll(KICKOFF)
    exchange.poll(LEADING)
    exchange.poll(after_s=8)
    assert exchange.arsenal.halt == Halt.EVENT

    exchange.poll(after_s=2)

    assert exchange.arsenal.halt == OPEN


def test_a_goal_taken_back_leaves_the_price_where_it_was(exchange):
    exchange.poll(KICKOFF)
    before_px = exchange.arsenal.index_px
    exchange.poll(a_match("INPLAY_1ST_HALF", 1, 0))

    exchange.poll(KICKOFF)

    assert exchange.arsenal.index_px == before_px == BASE_PX


def test_nothing_is_published_while_nothing_changes_but_a_heartbeat(exchange):
    exchange.poll(KICKOFF)
    first = exchange.arsenal.seq

    for _ in range(29):
        exchange.poll()
    assert exchange.arsenal.seq == first

    exchange.poll()

    assert exchange.arsenal.seq == first + 1
    assert exchange.hot.ticks(2, None, 1)[0].why == "hb"


def test_a_result_is_committed_once_it_has_stood_for_two_minutes(exchange):
    exchange.poll(KICKOFF)
    exchange.poll(WON)
    assert (exchange.arsenal.index_px, exchange.arsenal.base_px) == (WON_PX, BASE_PX)
    assert exchange.arsenal.halt == Halt.MATCH_SUSPENDED | Halt.EVENT
    exchange.poll(after_s=118)
    assert exchange.fixtures.progress().settled == 0

    exchange.poll(after_s=2)

    assert exchange.fixtures.results()[0].score == (1, 0)
    for instrument, px in ((exchange.arsenal, WON_PX), (exchange.everton, LOST_PX)):
        assert (instrument.index_px, instrument.base_px, instrument.offset_bps) == (px, px, 0)
        assert (instrument.halt, instrument.phase) == (OPEN, Phase.SCHEDULED)


def test_a_shoot_out_halts_and_its_kicks_are_recorded_beside_a_draw(exchange):
    exchange.poll(a_match("INPLAY_PENALTIES", 2, 2, minute=120, penalties=(3, 2)))
    assert exchange.arsenal.halt & Halt.MATCH_SUSPENDED

    exchange.poll(a_match("FT_PEN", 2, 2, minute=120, penalties=(4, 2)))
    exchange.poll(after_s=120)

    result = exchange.fixtures.results()[0]
    assert (result.score, result.penalties) == ((2, 2), (4, 2))
    assert exchange.arsenal.base_px == BASE_PX * (10_000 - 42) // 10_000


def test_full_time_that_turns_into_extra_time_commits_nothing(exchange):
    exchange.poll(a_match("FT", 1, 1))
    exchange.poll(a_match("BREAK", 1, 1), after_s=60)
    exchange.poll(after_s=300)
    assert exchange.arsenal.base_px == BASE_PX

    exchange.poll(a_match("AET", 1, 2))
    exchange.poll(after_s=120)

    assert exchange.fixtures.results()[0].score == (1, 2)


def test_a_match_missed_whole_settles_to_its_result(exchange):
    exchange.poll(WON, after_s=2 * 3600)
    exchange.poll(after_s=2 * 3600)

    assert exchange.arsenal.base_px == WON_PX


def test_an_unseen_match_goes_stale_and_recovers_with_one_good_look(exchange):
    exchange.poll(KICKOFF)
    exchange.feed.down = FeedUnavailable("HTTP 500")
    exchange.poll(LEADING, after_s=9)
    assert exchange.arsenal.halt == OPEN

    exchange.poll(after_s=1)
    assert exchange.arsenal.halt == Halt.FEED_STALE
    assert exchange.hot.feed_health()["state"] == "failing"

    exchange.feed.down = None
    exchange.poll(after_s=8)

    assert exchange.arsenal.halt == Halt.EVENT
    assert exchange.arsenal.index_px == 1_014_700
    assert exchange.hot.feed_health()["state"] == "ok"


def test_a_match_that_vanishes_from_play_is_asked_for_by_id(exchange):
    exchange.poll(KICKOFF)
    exchange.feed.hidden.add(500)

    exchange.poll(LEADING, after_s=5)

    assert exchange.arsenal.index_px == 1_014_700


def test_failures_are_paused_for_two_four_and_eight_seconds(exchange):
    exchange.poll(KICKOFF)
    exchange.feed.down = FeedUnavailable("HTTP 500")
    asked_at = []

    for second in range(2, 26, 2):
        exchange.feed.asked.clear()
        exchange.poll()
        asked_at += [second] * len(exchange.feed.asked)

    assert asked_at == [2, 4, 8, 16, 24]


def test_a_spent_plan_is_left_alone_until_it_is_renewed(exchange):
    exchange.poll(KICKOFF)
    exchange.feed.down = RateLimited(60)
    exchange.poll()
    exchange.feed.asked.clear()

    for _ in range(29):
        exchange.poll()
    assert exchange.feed.asked == []

    exchange.poll()
    assert exchange.feed.asked == ["inplay"]


def test_between_matches_the_feed_is_asked_once_a_minute(exchange):
    exchange.feed.show(a_match("POSTPONED"))
    exchange.poll()
    exchange.feed.asked.clear()

    for _ in range(30):
        exchange.poll()

    assert exchange.feed.asked.count("inplay") == 1


def test_a_void_match_gives_back_what_it_moved(exchange):
    exchange.poll(KICKOFF)
    exchange.poll(LEADING)

    exchange.poll(a_match("ABANDONED", 1, 0))
    exchange.poll(after_s=15)

    assert (exchange.arsenal.index_px, exchange.arsenal.halt) == (BASE_PX, OPEN)
    assert exchange.fixtures.fixture(500).phase is Phase.VOID


def test_without_the_lease_nothing_is_asked_and_nothing_written(exchange):
    exchange.poll(KICKOFF)
    other = exchange.another("two")
    other.started()
    exchange.feed.asked.clear()

    other.receive(LeaseDue())
    other.receive(PollDue())

    assert exchange.feed.asked == []
    assert other.detail()["lease"] is False


def test_a_deposed_scheduler_is_fenced_by_the_scripts(exchange):
    exchange.poll(KICKOFF)
    exchange.redis.set(exchange.keys.lease("scheduler"), "another")

    exchange.feed.show(LEADING)
    exchange.scheduler.receive(PollDue())

    assert exchange.arsenal.index_px == BASE_PX


def test_an_orderly_stop_hands_the_lease_on(exchange):
    exchange.scheduler.stopped()
    exchange.scheduler = exchange.another("two")
    exchange.scheduler.started()

    exchange.poll(KICKOFF)
    exchange.poll(LEADING)

    assert exchange.arsenal.index_px == 1_014_700


def test_a_restart_in_play_goes_on_where_the_last_one_was(exchange):
    exchange.poll(KICKOFF)
    exchange.poll(LEADING)
    seq = exchange.arsenal.seq

    exchange.scheduler = exchange.another()
    exchange.scheduler.started()
    exchange.poll(WON)
    exchange.poll(after_s=120)

    assert exchange.arsenal.base_px == WON_PX
    assert exchange.arsenal.seq > seq


def test_a_restart_after_a_goal_does_not_cut_the_rest_short(exchange):
    exchange.poll(KICKOFF)
    exchange.poll(LEADING)

    exchange.scheduler = exchange.another()
    exchange.scheduler.started()
    exchange.poll(after_s=8)
    assert exchange.arsenal.halt == exchange.everton.halt == Halt.EVENT
    exchange.poll(after_s=2)

    assert exchange.arsenal.halt == exchange.everton.halt == OPEN


class CrashBeforeTheRow(Matches):
    """Postgres that is gone at the moment when a result is in the prices already."""

    def settle(self, match, rating_gain, bases, now_ms):
        raise ConnectionError("gone")


def test_a_crash_between_price_and_row_settles_once(exchange):
    exchange.scheduler = exchange.another(matches=CrashBeforeTheRow(exchange.pg))
    exchange.scheduler.started()
    exchange.poll(KICKOFF)
    exchange.poll(WON)
    with pytest.raises(ConnectionError):
        exchange.poll(after_s=120)
    assert exchange.arsenal.base_px == WON_PX

    exchange.scheduler = exchange.another()
    exchange.scheduler.started()
    for _ in range(4):
        exchange.poll(after_s=60)

    assert exchange.fixtures.progress().settled == 1
    assert (exchange.arsenal.base_px, exchange.arsenal.index_px) == (WON_PX, WON_PX)
    assert exchange.arsenal.halt == OPEN


def test_a_start_without_postgres_halts_what_is_in_play_and_nothing_else(exchange):
    exchange.hot.create_instrument(new_instrument(3, "FUL", "Fulham"))
    exchange.poll(KICKOFF)
    exchange.clock.advance(60)

    class Gone(Matches):
        def untraded(self):
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        exchange.another(matches=Gone(exchange.pg)).started()

    assert exchange.arsenal.halt == exchange.everton.halt == Halt.FEED_STALE
    assert exchange.hot.instrument(3).halt == OPEN


def test_a_result_is_whole_even_if_redis_forgot_the_last_index(exchange):
    exchange.poll(KICKOFF)
    exchange.poll(WON)
    exchange.redis.hset(exchange.keys.inst(2), mapping={"f": BASE_PX, "S": 0})

    exchange.poll(after_s=120)

    assert exchange.arsenal.base_px == WON_PX


def test_a_halt_by_an_admin_is_not_the_feeds_to_lift(exchange):
    exchange.redis.hset(exchange.keys.inst(2), "halt", int(Halt.ADMIN))
    exchange.scheduler = exchange.another()
    exchange.scheduler.started()

    exchange.poll(KICKOFF)
    exchange.poll(LEADING)
    exchange.poll(after_s=10)

    assert exchange.arsenal.halt == Halt.ADMIN


def test_results_count_in_the_order_of_play_however_late_they_are_seen(exchange):
    second = a_match(
        "FT", 0, 2, fixture=501, kickoff_ms=KICKOFF_MS + 24 * HOUR_MS, sides=(FULHAM, ARSENAL)
    )
    exchange.feed.show(second)
    exchange.poll(WON, after_s=26 * 3600)
    for _ in range(4):
        exchange.poll(after_s=120)

    assert [row.id for row in exchange.fixtures.results()] == [500, 501]
    # Arsenal's second result is expected from the rating its first one gave it.
    won_away = exchange.arsenal.base_px
    assert won_away > WON_PX
    assert exchange.arsenal.halt == OPEN


def test_what_the_match_started_from_is_on_record(exchange):
    exchange.poll(KICKOFF)
    exchange.poll(LEADING)

    with exchange.pg.transaction() as cursor:
        cursor.execute("SELECT e_kickoff_bps, pre_home_px, pre_away_px FROM fixtures")
        assert cursor.fetchall() == [(5700, BASE_PX, BASE_PX)]


def test_an_instrument_that_redis_lost_is_a_crash_and_not_a_guess(exchange):
    exchange.poll(KICKOFF)
    exchange.redis.delete(exchange.keys.inst(2))

    with pytest.raises(UnknownInstrument):
        exchange.poll(LEADING)
