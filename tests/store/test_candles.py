"""Candles in Postgres: each tick is in them once, whatever breaks off; and they are read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.candles import (
    SECONDS_KEPT_MS,
    STORED,
    UNROLLED,
    Candle,
    CandleTick,
    Interval,
    Rolled,
    candles,
    coarser,
    rolled,
)
from touchline.domain.ids import InstrumentIdx
from touchline.domain.week_prices import week_closes
from touchline.store.candles import Candles, Roll
from touchline.store.fence import Fence, Fenced
from touchline.store.postgres import Postgres

from tests.domain.test_candles import NOON_MS, histories, history, tick
from tests.fakes.failing import Killed

pytestmark = pytest.mark.external

ARS, EVE = InstrumentIdx(1), InstrumentIdx(2)
MINUTE_MS = 60_000


@pytest.fixture
def books(pg: Postgres) -> Candles:
    return Candles(pg)


@pytest.fixture
def fence(pg: Postgres) -> Fence:
    fence = Fence(pg, "candle-roller")
    fence.take()
    return fence


def roll(ticks: Sequence[CandleTick], after: Rolled = UNROLLED) -> Roll:
    return Roll(after, rolled(ticks), candles(ticks, after), week_closes(ticks))


def read(books: Candles, interval: Interval, idx: InstrumentIdx = ARS) -> list[Candle]:
    return books.read(idx, interval, start_ms=0, limit=1_000)


def everything(books: Candles) -> list[Candle]:
    return [candle for interval in STORED for candle in read(books, interval)]


def test_what_was_added_is_read_back_with_the_cursor(books: Candles, fence: Fence) -> None:
    ticks = history([(0, 100, 5, 0, 1), (1_500, 90, 4, 4, 1), (3_600_000, 120, 9, 0, 1)])

    books.add({ARS: roll(ticks)}, fence)

    assert everything(books) == candles(ticks, UNROLLED)
    assert books.rolled([ARS, EVE]) == {ARS: rolled(ticks), EVE: UNROLLED}
    assert read(books, Interval.SECOND, EVE) == []


@settings(max_examples=25)
@given(steps=histories, data=st.data())
def test_batches_come_to_what_the_whole_comes_to(books, fence, pg, steps, data) -> None:
    with pg.transaction() as cursor:
        cursor.execute("DELETE FROM price_candles; DELETE FROM candle_cursors")
    ticks = history(steps)
    cuts = data.draw(st.lists(st.integers(1, len(ticks)), max_size=4, unique=True).map(sorted))
    begin, after = 0, UNROLLED

    for end in [*cuts, len(ticks)]:
        if begin < end:
            books.add({ARS: roll(ticks[begin:end], after)}, fence)
            begin, after = end, rolled(ticks[begin:end])

    assert everything(books) == candles(ticks, UNROLLED)


def test_the_same_ticks_are_not_added_a_second_time(books: Candles, fence: Fence) -> None:
    first = roll([tick(1, 0, inventory=5)])
    books.add({ARS: first}, fence)

    # As after a COMMIT whose answer never came.
    with pytest.raises(Fenced):
        books.add({ARS: first}, fence)
    with pytest.raises(Fenced):
        books.add({ARS: roll([tick(1, 0, inventory=5), tick(2, 1, inventory=9)])}, fence)

    assert everything(books) == first.candles


def test_of_several_clubs_all_are_added_or_none(books: Candles, fence: Fence) -> None:
    books.add({ARS: roll([tick(1)])}, fence)

    with pytest.raises(Fenced):
        books.add({EVE: roll([tick(1)]), ARS: roll([tick(1)])}, fence)

    assert read(books, Interval.SECOND, EVE) == []
    assert books.rolled([EVE]) == {EVE: UNROLLED}


def test_who_lost_the_job_adds_nothing(books: Candles, fence: Fence, pg: Postgres) -> None:
    successor = Fence(pg, "candle-roller")
    successor.take()
    books.add({EVE: roll([tick(1)])}, successor)

    with pytest.raises(Fenced):
        books.add({ARS: roll([tick(1)])}, fence)

    assert everything(books) == []


class Breaking:
    """A Postgres whose *at*-th statement in a transaction, from 0, is where the process dies."""

    def __init__(self, pg: Postgres, at: int) -> None:
        self._pg = pg
        self._at = at
        self.statement = pg.statement
        self.broke = False

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self._pg.transaction() as cursor:
            yield _BreakingCursor(self, cursor, self._at)

    def die(self) -> None:
        self.broke = True
        raise Killed


class _BreakingCursor:
    def __init__(self, broken: Breaking, cursor: Any, left: int) -> None:
        self._broken = broken
        self._cursor = cursor
        self._left = left

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def execute(self, *args: Any) -> None:
        if self._left == 0:
            self._broken.die()
        self._left -= 1
        self._cursor.execute(*args)


@pytest.mark.parametrize("at", range(4))
def test_whoever_dies_between_two_statements_has_done_nothing(pg: Postgres, at: int) -> None:
    fence, ticks = Fence(pg, "candle-roller"), [tick(1, 0, 100), tick(2, 400, 90)]
    fence.take()
    broken = Breaking(pg, at)

    with pytest.raises(Killed):
        Candles(broken).add({ARS: roll(ticks)}, fence)  # type: ignore[arg-type]  # has what is used
    books = Candles(pg)
    left = everything(books), books.rolled([ARS])
    books.add({ARS: roll(ticks)}, fence)

    assert broken.broke
    assert left == ([], {ARS: UNROLLED})
    assert everything(books) == candles(ticks, UNROLLED)


def test_old_seconds_are_forgotten_and_nothing_else(books: Candles, fence: Fence) -> None:
    ticks = [tick(1, 0), tick(2, 1_000), tick(3, SECONDS_KEPT_MS + 1_000)]
    books.add({ARS: roll(ticks), EVE: roll(ticks)}, fence)

    assert books.forget(Interval.SECOND, NOON_MS + 1_000) == 2
    assert books.forget(Interval.SECOND, NOON_MS + 1_000) == 0

    for club in (ARS, EVE):
        kept = [one.at_ms - NOON_MS for one in read(books, Interval.SECOND, club)]
        assert kept == [1_000, SECONDS_KEPT_MS + 1_000]
        assert len(read(books, Interval.MINUTE, club)) == 2


def test_seconds_are_forgotten_in_bounded_pieces(
    books: Candles, fence: Fence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("touchline.store.candles.FORGOTTEN_AT_ONCE", 2)
    books.add({ARS: roll([tick(n + 1, n * 1_000) for n in range(5)])}, fence)

    gone = [books.forget(Interval.SECOND, NOON_MS + 5_000) for _ in range(4)]

    assert gone == [2, 2, 1, 0]


def test_a_page_begins_at_the_start_or_ends_at_the_end(books: Candles, fence: Fence) -> None:
    books.add({ARS: roll([tick(n + 1, n * 1_000) for n in range(6)])}, fence)

    def seconds(**wanted: int) -> list[int]:
        found = books.read(ARS, Interval.SECOND, **wanted)
        return [(one.at_ms - NOON_MS) // 1_000 for one in found]

    assert seconds(limit=2) == [4, 5]
    assert seconds(limit=2, end_ms=NOON_MS + 3_000) == [1, 2]
    assert seconds(limit=2, start_ms=NOON_MS + 1_000) == [1, 2]
    assert seconds(limit=9, start_ms=NOON_MS + 1, end_ms=NOON_MS + 3_000) == [1, 2]


def test_five_minutes_are_whole_ones_wherever_the_page_begins(books: Candles, fence: Fence) -> None:
    ticks = [tick(n + 1, n * MINUTE_MS, 100 + n) for n in range(23)]
    books.add({ARS: roll(ticks)}, fence)
    whole = coarser(read(books, Interval.MINUTE), Interval.FIVE_MINUTES)
    assert [one.first_seq for one in whole] == [1, 6, 11, 16, 21]

    def five(**wanted: int) -> list[Candle]:
        return books.read(ARS, Interval.FIVE_MINUTES, **wanted)

    assert five(limit=9) == whole
    assert five(limit=2) == whole[3:]
    assert five(limit=2, start_ms=NOON_MS + 1) == whole[1:3]
    assert five(limit=2, end_ms=NOON_MS + 6 * MINUTE_MS) == whole[:2]
    assert five(limit=9, start_ms=NOON_MS, end_ms=NOON_MS + 10 * MINUTE_MS) == whole[:2]
