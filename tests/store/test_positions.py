"""Positions as they are asked for: as new as Redis has them, with what Postgres knows of them."""

import pytest
from touchline.domain.ids import TREASURY
from touchline.domain.position_events import By, EventKind
from touchline.domain.positions import CloseReason, Stops
from touchline.store.position_commands import PositionKey
from touchline.store.positions import PositionCursor, Positions, Status

from tests.fakes.bookkeeping import Books

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    return Books(redis, pg)


@pytest.fixture
def positions(books):
    return Positions(books.pg, books.redis, books.keys)


def test_a_position_is_told_with_all_its_events(books, positions):
    opened = books.open(stops=Stops(stop_loss_px=950_000, trail_px=50_000))
    part = books.close(opened, 250)
    books.drain().everything()

    told = positions.one(1, opened.id)

    assert told.position == part
    assert [(event.kind, event.qty) for event in told.events] == [
        (EventKind.OPEN, 1000),
        (EventKind.CLOSE, 250),
    ]
    assert [event.position for event in told.events] == [opened, part]
    assert told.events[1].by is By.CLIENT
    assert told.events[1].reason is CloseReason.CLIENT


def test_a_position_that_postgres_has_not_seen_yet_is_told_from_redis(books, positions):
    opened = books.open()

    told = positions.one(1, opened.id)

    assert (told.position, told.events) == (opened, ())


def test_a_position_that_redis_has_forgotten_is_told_from_postgres(books, positions):
    ended = books.close(books.open())
    books.drain().everything()
    books.redis.delete(books.keys.pos(ended.id))

    assert positions.one(1, ended.id).position == ended


def test_the_newer_of_both_is_told(books, positions):
    opened = books.open()
    books.drain().everything()
    part = books.close(opened, 1)

    assert positions.one(1, opened.id).position == part


def test_another_users_position_is_not_told(books, positions):
    opened = books.open(user=2)
    books.drain().everything()

    assert positions.one(1, opened.id) is None
    assert positions.one(1, "01a16e71-95db-7e68-8535-f68ddcef39de") is None


def test_pages_hold_each_open_position_once_newest_first(books, positions):
    opened = [books.open(idx=7 + n % 2) for n in range(7)]
    books.close(opened[3])
    books.drain().everything()

    seen, before = [], None
    while page := positions.page(1, Status.OPEN, limit=4, before=before):
        seen += [told.position for told in page]
        before = PositionCursor(seen[-1].opened_ms, seen[-1].id)

    assert [each.id for each in seen] == [p.id for p in reversed(opened) if p != opened[3]]


def test_closed_positions_come_by_their_end_each_with_the_event_that_closed_it(books, positions):
    first, second, third = (books.open() for _ in range(3))
    books.close(first, 10)
    ends = [books.close(second), books.close(first)]
    books.drain().everything()

    page = positions.page(1, Status.CLOSED, limit=1)
    rest = positions.page(
        1, Status.CLOSED, limit=5, before=PositionCursor(ends[1].closed_ms, ends[1].id)
    )

    assert [told.position for told in (*page, *rest)] == [ends[1], ends[0]]
    assert [(e.kind, e.position) for (e,) in (told.events for told in (*page, *rest))] == [
        (EventKind.CLOSE, ends[1]),
        (EventKind.CLOSE, ends[0]),
    ]
    assert third.id not in {told.position.id for told in (*page, *rest)}


def test_positions_of_one_instrument_only(books, positions):
    books.open(idx=7)
    other = books.open(idx=8)
    books.drain().everything()

    assert [t.position.id for t in positions.page(1, Status.OPEN, limit=9, idx=8)] == [other.id]


def test_users_with_open_positions_come_in_pages(books, positions):
    mine = [books.open(user=1), books.open(user=1, idx=8)]
    other = books.open(user=3, side="short")
    books.close(books.open(user=2))
    books.drain().everything()

    first = positions.open_by_user(TREASURY, 1)
    rest = positions.open_by_user(first[-1][0], 5)

    assert first == ((1, tuple(PositionKey(each.id, 1, each.idx) for each in mine)),)
    assert rest == ((3, (PositionKey(other.id, 3, 7),)),)
    assert positions.open_by_user(3, 5) == ()
