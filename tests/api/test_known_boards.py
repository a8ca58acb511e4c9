"""Boards that many ask for at once are read once, and not much later."""

from __future__ import annotations

import gevent
import psycopg2
import pytest
from gevent.event import Event
from touchline.domain.leaderboard import Board, Entrants, Standing, Week
from touchline.http.known_boards import AGE_S, MOST, KnownBoards

from tests.fakes.clock import FakeClock

ONE, OTHER = Board(Week("2026-W43", 0)), Board(Week("2026-W44", 1))
BOTS, ALL = Board(ONE.week, Entrants.BOTS), Board(None)


class Shelf:
    """Boards that take until ``let_go`` to be read."""

    def __init__(self) -> None:
        self.read: list[Board] = []
        self.let_go = Event()
        self.fails: Exception | None = None

    def of(self, board: Board) -> Standing:
        self.read.append(board)
        self.let_go.wait(5)
        if self.fails:
            raise self.fails
        return Standing(frozen_ms=len(self.read))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def known(shelf: Shelf, clock: FakeClock) -> KnownBoards:
    return KnownBoards(shelf.of, clock.monotonic)


def test_a_board_is_read_again_when_it_has_become_old(known, shelf, clock):
    shelf.let_go.set()

    for board in (ONE, ONE, OTHER, BOTS, ALL, ONE):
        known.of(board)
    clock.advance(AGE_S)
    known.of(ALL)

    assert shelf.read == [ONE, OTHER, BOTS, ALL, ALL]


def test_many_who_ask_at_once_have_it_read_once(known, shelf, clock):
    asking = [gevent.spawn(known.of, board) for board in (ONE, ONE, OTHER, ONE)]
    gevent.idle()
    clock.advance(AGE_S + 1)  # however long it takes
    asking.append(gevent.spawn(known.of, ONE))
    gevent.idle()
    shelf.let_go.set()
    gevent.joinall(asking, timeout=5)

    assert shelf.read == [ONE, OTHER]
    assert {each.value for each in (*asking[:2], *asking[3:])} == {Standing(frozen_ms=2)}


def test_an_outage_is_met_by_all_who_wait_and_by_nobody_after(known, shelf):
    shelf.fails = psycopg2.OperationalError("away")
    asking = [gevent.spawn(_outcome, known) for _ in range(3)]
    gevent.idle()
    shelf.let_go.set()
    gevent.joinall(asking, timeout=5)
    shelf.fails = None

    assert [each.value for each in asking] == ["away"] * 3
    assert known.of(ONE) == Standing(frozen_ms=2)


def test_who_waits_for_a_reader_that_is_stopped_reads_it_themselves(known, shelf):
    reader, waiter = gevent.spawn(known.of, ONE), gevent.spawn(known.of, ONE)
    gevent.idle()
    reader.kill()
    gevent.idle()
    shelf.let_go.set()

    assert waiter.get(timeout=5) == Standing(frozen_ms=2)
    assert shelf.read == [ONE, ONE]


def test_only_some_boards_are_known_at_a_time(known, shelf):
    shelf.let_go.set()
    for number in range(MOST + 1):
        known.of(Board(Week("", number)))

    known.of(Board(Week("", 1)))
    known.of(Board(Week("", 0)))

    assert [each.week.starts_ms for each in shelf.read] == [*range(MOST + 1), 0]


def _outcome(known: KnownBoards) -> str:
    try:
        return str(known.of(ONE))
    except psycopg2.OperationalError as outage:
        return str(outage)
