"""The leaderboard of the week: who is on it, in which order, with which scores; and who says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg2
import pytest
import redis.exceptions
from touchline.actors.boards.messages import LeaseDue, RankDue, Span, ValueDue
from touchline.actors.boards.ranker import BATCH
from touchline.domain.ids import uuid7
from touchline.domain.leaderboard import WEEK_MS, Board, Entrants, week_of
from touchline.domain.positions import Direction
from touchline.store.commands import ADJUSTMENT, Credited
from touchline.store.rehydrate import rehydrate
from touchline.store.scripts import CreditCommand, Filled
from touchline.store.weekly_books import WeeklyBooks
from touchline.store.worth import Worths

from tests.fakes.boards import Ranking
from tests.fakes.bookkeeping import START_E4, Books
from tests.fakes.clock import FakeClock
from tests.fakes.facts import AT_MS, add_users, spelled

pytestmark = pytest.mark.external

WEEK = week_of(AT_MS)
ANN, BOB, CAT = 1, 2, 3
PRIZE_E4 = 5_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(AT_MS)


@pytest.fixture
def ranking(redis, pg, clock) -> Ranking:
    """The week was opened before anybody's wallet was in Postgres: all have joined within it."""
    return Ranking(Books(redis, pg), clock)


def trade(ranking: Ranking, user: int, count: int = 1, qty: int = 1000, side: str = "buy") -> None:
    """So many trades of *user*, by the ranking's calendar; all of them are in Postgres after."""
    for _ in range(count):
        command = ranking.books.command(user, 7, side, qty)
        command = replace(command, now_ms=ranking.clock.calendar())
        (outcome,) = ranking.books.scripts.execute([command])
        assert isinstance(outcome, Filled)
    ranking.books.drain().everything()


def give(ranking: Ranking, user: int, amount_e4: int = PRIZE_E4, kind: str = "prize") -> None:
    """Money from the house, which Postgres has not heard of."""
    gift = uuid7(AT_MS)
    credit = CreditCommand(gift, user, kind, amount_e4, gift, "a prize", AT_MS)
    assert isinstance(ranking.books.scripts.wallet_credit(credit), Credited)


def equity(ranking: Ranking, user: int) -> int:
    """What a user owns now, at the marks."""
    return ranking.books.hot.portfolio(user).marked_e4


def gain(ranking: Ranking, user: int) -> int:
    """What trading has made of the start balance."""
    return equity(ranking, user) - START_E4


def test_those_who_trade_are_ranked_by_what_they_made_of_what_they_were_given(ranking):
    trade(ranking, ANN, 3, qty=20_000)  # moves the price for those before
    trade(ranking, BOB, 3)
    ranking.rank()

    assert ranking.scores() == {user: gain(ranking, user) for user in (ANN, BOB)}
    assert gain(ranking, ANN) != gain(ranking, BOB)
    board = ranking.told()[1]
    assert (board.week, board.ends_ms, board.players) == (WEEK.name, WEEK.ends_ms, 2)
    best = max((ANN, BOB), key=lambda user: gain(ranking, user))
    assert (board.ranks[0].user, board.ranks[0].display_name) == (best, f"User {best}")
    key = ranking.books.keys.board("week", WEEK.name)
    assert dict(ranking.books.redis.zrange(key, 0, -1, withscores=True)) == {
        str(user): score for user, score in ranking.scores().items()
    }
    assert ranking.books.redis.ttl(key) > 34 * 86_400


def test_two_trades_are_too_few_and_a_position_opened_counts_as_one(ranking):
    books, at_ms = ranking.books, ranking.clock.calendar()
    trade(ranking, ANN, 2)
    trade(ranking, BOB, 2)
    opening = books.open_command(BOB, 7)
    books.happened(replace(opening, now_ms=at_ms))
    trade(ranking, CAT, 1)
    for _ in range(2):
        position = books.happened(replace(books.open_command(CAT, 7), now_ms=at_ms))
        assert position.side is Direction.LONG
        books.happened(replace(books.close_command(position), now_ms=at_ms))
    books.drain().everything()

    ranking.rank()

    assert ranking.scores() == {user: gain(ranking, user) for user in (BOB, CAT)}


def test_trades_of_the_week_before_do_not_count(ranking, clock):
    clock.advance((WEEK.ends_ms - clock.calendar()) / 1000 - 0.001)
    trade(ranking, ANN, 3)
    trade(ranking, BOB, 2)
    clock.advance(0.001)
    ranking.weeks.settle()
    ranking.actor.receive(LeaseDue())
    ranking.rank()
    trade(ranking, BOB, 1)
    trade(ranking, CAT, 3)

    ranking.rank()

    assert ranking.scores() == {CAT: gain(ranking, CAT)}
    assert ranking.told()[1].ends_ms == WEEK.ends_ms + WEEK_MS


@pytest.mark.parametrize("column", ["status = 'suspended'", "status = 'deleted'", "is_bot = true"])
def test_some_do_not_play_however_much_they_trade(ranking, column):
    trade(ranking, ANN, 3)
    trade(ranking, BOB, 3)
    ranking.rank()
    assert ranking.scores().keys() == {ANN, BOB}

    ranking.books.rows(f"UPDATE users SET {column} WHERE id = %s", (ANN,))
    ranking.rank()

    assert ranking.scores().keys() == {BOB}
    key = ranking.books.keys.board("week", WEEK.name)
    assert ranking.books.redis.zrange(key, 0, -1) == [str(BOB)]


def test_bots_are_ranked_among_themselves(ranking):
    ranking.books.rows("UPDATE users SET is_bot = true WHERE id IN (%s, %s)", (ANN, BOB))
    for user in (ANN, BOB, CAT):
        trade(ranking, user, 3)

    ranking.rank()

    bots = ranking.kept(Board(WEEK, Entrants.BOTS))
    assert bots == {user: gain(ranking, user) for user in (ANN, BOB)}
    assert ranking.scores() == ranking.kept(Board(WEEK)) == {CAT: gain(ranking, CAT)}


def test_of_all_time_everything_counts_but_what_the_house_gave(ranking, clock):
    trade(ranking, ANN, 2)
    trade(ranking, BOB, 2)
    give(ranking, ANN)
    clock.advance(WEEK_MS / 1000)
    ranking.weeks.settle()
    ranking.actor.receive(LeaseDue())
    trade(ranking, ANN, 1, qty=20_000)
    give(ranking, ANN)

    ranking.rank(Span.WEEK)
    ranking.rank(Span.ALL_TIME)

    assert ranking.kept(Board(None)) == {ANN: equity(ranking, ANN) - START_E4 - 2 * PRIZE_E4}
    assert ranking.kept(Board(None, Entrants.BOTS)) == {}
    assert ranking.scores() == {}


def test_who_pumps_a_price_gains_by_no_more_than_the_mark_allows(ranking):
    books, at_ms = ranking.books, ranking.clock.calendar()
    for _ in range(3):
        books.happened(replace(books.open_command(ANN, 7), now_ms=at_ms))
    books.drain().everything()
    ranking.rank()
    before = ranking.scores()[ANN]

    for user in (BOB, CAT):
        trade(ranking, user, 1, qty=50_000)
    ranking.rank()

    mid, mark = books.rows("SELECT bid_px, mark_px FROM instruments WHERE idx = 7")[0]
    index = books.hot.instrument(7).index_px
    assert mid > mark > index
    assert ranking.scores()[ANN] == gain(ranking, ANN)
    assert 0 < ranking.scores()[ANN] - before <= 3 * (index * 5_000 // 1_000_000)


@pytest.mark.parametrize("known_to", ["redis", "both", "postgres", "parked"])
def test_what_the_house_gives_is_no_gain_wherever_it_is_known(ranking, known_to):
    books = ranking.books
    trade(ranking, ANN, 3)
    ranking.rank()
    before = ranking.scores()

    give(ranking, ANN)
    if known_to == "both":
        stream, kept = books.keys.trade_outbox, books.redis.xrange(books.keys.trade_outbox)
        books.drain().everything()
        for _, fields in kept:
            books.redis.xadd(stream, fields)
    elif known_to == "postgres":
        books.drain().everything()
    elif known_to == "parked":
        books.rows("ALTER TABLE wallet_ledger ADD CONSTRAINT never CHECK (kind <> 'prize')")
        try:
            books.drain().everything()
        finally:
            books.rows("ALTER TABLE wallet_ledger DROP CONSTRAINT never")
        assert books.rows("SELECT count(*) FROM trade_outbox") == [(1,)]
    ranking.rank()

    assert equity(ranking, ANN) == START_E4 + PRIZE_E4 + before[ANN]
    assert ranking.scores() == before


@pytest.mark.parametrize("amount_e4", [PRIZE_E4, -PRIZE_E4])
def test_what_an_admin_adjusts_is_neither_gain_nor_loss(ranking, amount_e4):
    trade(ranking, ANN, 3)
    ranking.rank()
    before = ranking.scores()

    give(ranking, ANN, amount_e4, ADJUSTMENT)
    ranking.rank()
    waiting = ranking.scores()
    ranking.books.drain().everything()
    ranking.rank()

    assert equity(ranking, ANN) == START_E4 + amount_e4 + before[ANN]
    assert (waiting, ranking.scores()) == (before, before)


def test_a_gift_that_comes_while_users_are_valued_belongs_to_the_next_board(redis, pg, clock):
    books = Books(redis, pg)

    class Generous(Worths):
        """A prize is given right after everybody was valued."""

        def of(self, users: Any) -> Any:
            worths = super().of(users)
            give(ranking, ANN)
            return worths

    ranking = Ranking(books, clock, but={"values": Generous(redis, books.keys, books.hot)})
    trade(ranking, ANN, 3)
    score = gain(ranking, ANN)

    for prizes in (1, 2):
        ranking.rank()
        assert gain(ranking, ANN) == score + prizes * PRIZE_E4
        assert ranking.scores() == {ANN: score}


def test_what_somebody_has_put_into_the_stream_is_no_gift(ranking):
    trade(ranking, ANN, 3)
    true = {"k": "grant", "id": uuid7(AT_MS), "uid": "1", "amount": "5", "wv": "2"}
    nonsense = [
        {"k": "grant"},
        {**true, "id": "x"},
        {**true, "uid": "ann"},
        {**true, "wv": "9" * 40},
    ]
    for fields in [*nonsense, {"k": "word"}]:
        ranking.books.redis.xadd(ranking.books.keys.trade_outbox, spelled(fields))

    ranking.rank()

    assert ranking.scores() == {ANN: gain(ranking, ANN)}


def test_while_too_much_waits_for_postgres_the_board_stands_still(ranking, monkeypatch):
    trade(ranking, ANN, 3)
    ranking.rank()
    before, made_at = ranking.told(), ranking.meter.level_at
    monkeypatch.setattr("touchline.store.worth.WAITING_MAX", 2)
    ranking.clock.advance(1)
    ranking.actor.receive(LeaseDue())

    give(ranking, ANN)
    ranking.books.trade(BOB)
    ranking.rank()
    assert (ranking.told(), ranking.meter.level_at) == (before, made_at)
    ranking.books.drain().everything()
    ranking.rank()

    assert ranking.meter.level_at == made_at + 1


def test_a_week_counts_from_what_everybody_was_worth_when_it_was_opened(redis, pg, clock):
    books = Books(redis, pg)
    add_users(pg, *range(10, 10 + BATCH))
    for user in range(10, 10 + BATCH):
        books.grant(user)
    books.drain().everything()
    ranking = Ranking(books, clock)
    trade(ranking, ANN, 3)
    give(ranking, ANN)
    last_week = gain(ranking, ANN) - PRIZE_E4
    clock.advance(WEEK_MS / 1000)
    ranking.weeks.settle()
    ranking.actor.receive(LeaseDue())
    ranking.rank()
    assert ranking.told()[1].week == "2026-W44"
    assert ranking.scores() == {}
    opened_at = equity(ranking, ANN)

    give(ranking, ANN)
    trade(ranking, ANN, 3, qty=20_000)
    ranking.rank()

    score = equity(ranking, ANN) - opened_at - PRIZE_E4
    assert ranking.scores() == {ANN: score}
    assert score not in (0, gain(ranking, ANN), last_week)
    counts = "SELECT iso_week, count(*) FROM equity_snapshots GROUP BY 1 ORDER BY 1"
    assert books.rows(counts) == [("2026-W44", 3 + BATCH)]


def test_nothing_is_told_while_nothing_shown_has_changed(ranking):
    trade(ranking, ANN, 3)
    ranking.rank()
    before = ranking.told()
    told = ranking.meter.told

    ranking.rank()
    assert (ranking.told(), ranking.meter.told) == (before, told)

    ranking.books.rows("UPDATE users SET display_name = 'Annette' WHERE id = %s", (ANN,))
    ranking.rank()
    seq, board = ranking.told()
    assert (seq, ranking.meter.told) == (before[0] + 1, told + 1)
    assert board.ranks[0].display_name == "Annette"


def test_it_ranks_every_15_seconds_and_renews_the_lease_meanwhile(ranking):
    timers = {timer.message: timer.seconds for timer in ranking.actor.timers}

    assert timers == {
        LeaseDue(): 2.0,
        RankDue(Span.WEEK): 15.0,
        RankDue(Span.ALL_TIME): 60.0,
    }


def test_whoever_comes_to_lead_ranks_at_once(ranking, clock):
    trade(ranking, ANN, 3)
    waiting = Ranking(ranking.books, clock)
    assert not waiting.lease.held()
    waiting.rank()
    assert ranking.scores() == {}

    ranking.actor.stopped()
    waiting.actor.receive(LeaseDue())
    waiting.work_off()

    assert ranking.scores().keys() == {ANN}


def test_one_that_another_took_over_from_changes_nothing_and_asks_for_the_lease_anew(
    ranking, clock
):
    trade(ranking, ANN, 3)
    ranking.books.redis.set(ranking.lease.key, "somebody else")

    ranking.rank()

    assert ranking.scores() == {}
    assert not ranking.lease.held()
    ranking.books.redis.delete(ranking.lease.key)
    ranking.actor.receive(LeaseDue())
    ranking.work_off()
    assert ranking.scores().keys() == {ANN}


def test_a_lease_that_ran_out_between_two_pieces_ends_the_round(ranking, clock):
    trade(ranking, ANN, 3)
    ranking.actor.receive(RankDue())
    clock.advance(10)

    ranking.work_off()

    assert ranking.scores() == {}


def redis_outage() -> type[Exception]:
    return redis.exceptions.ConnectionError


class Away:
    """Postgres or Redis, which does not answer when it is asked for *what*."""

    def __init__(self, real: Any, what: str, error: Exception) -> None:
        self._real, self._what, self._error = real, what, error

    def __getattr__(self, name: str) -> Any:
        if name == self._what:
            raise self._error
        return getattr(self._real, name)


@pytest.mark.parametrize("what", ["opened", "players", "openings"])
def test_postgres_away_ends_an_incarnation_and_the_next_one_ranks(redis, pg, clock, what):
    books = Books(redis, pg)
    Ranking(books, clock).actor.stopped()
    away = Away(WeeklyBooks(pg), what, psycopg2.OperationalError("away"))

    with pytest.raises(psycopg2.OperationalError):
        Ranking(books, clock, owner="here", but={"books": away})

    trade(again := Ranking(books, clock, owner="here"), ANN, 3)
    again.rank()
    assert again.scores().keys() == {ANN}


@pytest.mark.parametrize("what", ["of", "waiting_gifts"])
def test_redis_away_ends_an_incarnation_and_the_next_one_ranks(redis, pg, clock, what):
    ranking = Ranking(books := Books(redis, pg), clock)
    trade(ranking, ANN, 3)
    ranking.actor.stopped()
    away = Away(Worths(redis, books.keys, books.hot), what, redis_outage()("away"))

    with pytest.raises(redis_outage()):
        Ranking(books, clock, owner="here", but={"values": away})

    assert Ranking(books, clock, owner="here").scores().keys() == {ANN}


def test_a_redis_that_was_emptied_is_told_all_anew_under_numbers_of_its_own(ranking, clock):
    trade(ranking, ANN, 3)
    ranking.rank()
    (_, before), books = ranking.told(), ranking.books
    ranking.actor.stopped()

    books.redis.flushdb()
    assert rehydrate(books.redis, books.keys, books.pg) is not None
    another = Ranking(books, clock)

    assert another.told() == (1, before)
    key = books.keys.board("week", WEEK.name)
    assert books.redis.zrange(key, 0, -1) == [str(ANN)]


def test_its_age_is_told_and_an_old_board_is_ailing(ranking, clock):
    ranking.rank()
    clock.advance(4)
    ranking.actor.receive(LeaseDue())
    assert ranking.actor.detail() == {
        "lease": True,
        "week": WEEK.name,
        "players": 0,
        "age_s": 4.0,
        "ailing": "",
    }

    clock.advance(57)
    ranking.actor.receive(LeaseDue())
    assert ranking.actor.detail()["ailing"] == "the leaderboard is 61 s old"
    clock.advance(10)
    assert ranking.actor.detail()["age_s"] is None


def test_a_round_under_way_is_not_begun_again(ranking):
    trade(ranking, ANN, 3)

    ranking.actor.receive(RankDue())
    ranking.actor.receive(RankDue())

    assert [message for _, message, _ in _taken(ranking)] == [ValueDue()]


def _taken(ranking: Ranking) -> list[Any]:
    inbox = ranking.actor.actor_inbox
    return [inbox.take() for _ in range(inbox.depth)]
