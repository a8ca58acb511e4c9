"""What is told of leaderboards: scores and places, each change under the next number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from touchline.domain.ids import UserId
from touchline.domain.leaderboard import SHOWN, Board, Ranked, shown, week_of
from touchline.store.fence import Fenced
from touchline.store.keys import Keys
from touchline.store.leaderboard_news import LeaderboardNews, ToldBoard, ToldBoards, told_boards
from touchline.store.lease import Lease
from touchline.store.pubsub import BoardPublished, Broadcasts

from tests.fakes.clock import FakeClock
from tests.fakes.facts import AT_MS

pytestmark = pytest.mark.external

WEEK = week_of(AT_MS)


class Newsroom:
    """A ranker's side of telling."""

    def __init__(self, redis: Any) -> None:
        self.redis, self.keys = redis, Keys("{m}")
        self.lease = Lease(redis, self.keys.lease("leaderboard"), monotonic=FakeClock().monotonic)
        self.lease.renew()
        self.news = LeaderboardNews(redis, self.keys)
        self.key = self.keys.board("week", WEEK.name)

    def tell(self, *scores: tuple[int, int]) -> bool:
        return self.news.tell(self.lease, Board(WEEK), places(*scores))

    def told(self, known: int | None = None) -> ToldBoards | None:
        return told_boards(self.redis, self.keys, known)

    def kept(self) -> dict[str, float]:
        return dict(self.redis.zrange(self.key, 0, -1, withscores=True))


def places(*scores: tuple[int, int]) -> tuple[Ranked, ...]:
    """Ranks of users with these scores, in this order."""
    return tuple(
        Ranked(rank, UserId(user), f"User {user}", score)
        for rank, (user, score) in enumerate(scores, start=1)
    )


@pytest.fixture
def room(redis) -> Newsroom:
    return Newsroom(redis)


@pytest.fixture
def heard(room) -> Iterator[Iterator[Any]]:
    link = Broadcasts(room.redis)
    link.open()
    yield (each.told for each in link.messages() if isinstance(each, BoardPublished))
    link.close()


def test_a_board_is_told_and_everybodys_score_is_kept(room, heard):
    assert room.tell((7, 5), (3, -9_000_000_000_000_000))

    told = ToldBoard("week", 1, shown(WEEK, places((7, 5), (3, -9_000_000_000_000_000))))
    assert next(heard) == told
    assert room.told() == ToldBoards(1, (told,))
    assert room.kept() == {"7": 5, "3": -9_000_000_000_000_000}


def test_an_empty_board_is_told_too(room, heard):
    assert room.tell()

    assert next(heard).board == shown(WEEK, ())


def test_only_a_change_of_what_is_shown_is_told_and_has_a_number(room, heard):
    many = [(user, 1000 - user) for user in range(1, SHOWN + 3)]
    room.tell(*many)
    next(heard)

    lower = [*many[:-1], (SHOWN + 2, 1)]
    assert not room.tell(*many)
    assert not room.tell(*lower)
    assert room.kept()[str(SHOWN + 2)] == 1
    assert room.tell(*lower[:-1])  # one player fewer is shown, as a number
    assert room.tell((2, 998), (1, 998), *lower[2:-1])

    assert [next(heard).seq, next(heard).seq] == [2, 3]
    assert room.told(3) is None
    assert str(SHOWN + 2) not in room.kept()


def test_a_thousand_scores_go_in_pieces_and_the_board_goes_last(room, monkeypatch):
    monkeypatch.setattr("touchline.store.leaderboard_news.CHUNK", 7)
    sizes = []
    send = LeaderboardNews._send

    def noted(news, lease, key, text, changes):
        sizes.append((len(changes), bool(text)))
        send(news, lease, key, text, changes)

    monkeypatch.setattr(LeaderboardNews, "_send", noted)

    room.tell(*((user, user) for user in range(1, 22)))

    assert sizes == [(7, False), (7, False), (7, True)]
    assert room.kept() == {str(user): user for user in range(1, 22)}


def test_a_redis_that_lost_a_part_is_told_it_anew(room):
    room.tell((7, 5), (3, 4))
    room.redis.delete(room.keys.leaderboards)
    room.redis.zrem(room.key, 7)

    assert room.tell((7, 5), (3, 4))

    assert room.told().seq == 1
    assert room.kept() == {"7": 5, "3": 4}


def test_nobody_tells_without_the_lease(room):
    room.tell((7, 5))
    before = room.redis.hgetall(room.keys.leaderboards), room.kept()
    room.redis.set(room.lease.key, "somebody else")

    for scores in (((7, 6),), ((7, 5),)):
        with pytest.raises(Fenced):
            room.tell(*scores)

    assert (room.redis.hgetall(room.keys.leaderboards), room.kept()) == before


@pytest.mark.parametrize("junk", ["", "{}", '{"s":1,"d":{"week":500}}', "null", "[1,2]"])
def test_what_cannot_be_read_is_left_out_and_told_again(room, heard, junk):
    room.tell((7, 5))
    next(heard)
    room.redis.hset(room.keys.leaderboards, "week", junk)
    room.redis.publish("leaderboard:week", junk)
    assert room.told() == ToldBoards(1, ())

    assert room.tell((7, 5))

    assert next(heard).seq == 2
