"""Ticks into candles: all of them, once; and what streams forget nobody can still need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_module
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.candles import STORED, UNROLLED, Candle, CandleTick, Interval, candles
from touchline.domain.ids import InstrumentIdx
from touchline.domain.position_events import By
from touchline.domain.positions import Direction
from touchline.domain.ticks import TICKS_KEPT_MS, IndexChange
from touchline.domain.trading import Side
from touchline.store import rolling as rolling_module
from touchline.store.candles import Candles
from touchline.store.fence import Fence
from touchline.store.postgres import Postgres
from touchline.store.rolling import Done, Rolling

from tests.fakes.exchange import ARS, EVE, LEASE, OWNER, Exchange
from tests.fakes.failing import Killed
from tests.fakes.stops import Pit
from tests.store.test_candles import Breaking

pytestmark = pytest.mark.external

NODE = 100  #: entries Redis drops together, or keeps
STEP_MS = 300_000
TICKS = 400  #: ticks, one every five minutes: a day and nine hours


@pytest.fixture
def pit(redis: redis_module.Redis) -> Iterator[Pit]:
    exchange = Exchange(redis)
    exchange.list()
    yield Pit(exchange)
    exchange.prove()


@pytest.fixture
def books(pg: Postgres) -> Candles:
    return Candles(pg)


@pytest.fixture
def rolling(pit: Pit, books: Candles) -> Rolling:
    return Rolling(pit.exchange.client, pit.exchange.keys, books)


@pytest.fixture
def fence(pg: Postgres) -> Fence:
    fence = Fence(pg, "candle-roller")
    fence.take()
    return fence


def ticks_of(pit: Pit, idx: InstrumentIdx = ARS) -> list[CandleTick]:
    """All ticks of the stream, read the long way."""
    return [
        CandleTick(
            *(one.id, one.seq, one.index_px, one.inventory, one.bid_px, one.ask_px),
            *(one.mark_px, one.mid_px, one.halt),
        )
        for one in pit.exchange.hot.ticks(idx, "0-0", 10_000)
    ]


def stored(books: Candles, idx: InstrumentIdx = ARS) -> list[Candle]:
    return [
        candle
        for interval in STORED
        for candle in books.read(idx, interval, start_ms=0, limit=10_000)
    ]


def days(pit: Pit) -> list[str]:
    """Ids of `TICKS` ticks of ARS, made one after the other."""
    ids = []
    for n in range(TICKS):
        change = IndexChange(idx=ARS, now_ms=(n + 1) * STEP_MS, heartbeat=True)
        ids.append(pit.exchange.scripts.index_apply(change, LEASE, OWNER).tick_id)
    return ids


def all_rolled(rolling: Rolling, fence: Fence) -> None:
    while rolling.roll(fence).more:
        pass


def all_trimmed(rolling: Rolling) -> int:
    total = 0
    while gone := rolling.trim():
        total += gone
    return total


def test_whatever_the_scripts_publish_is_in_the_candles(
    pit: Pit, rolling: Rolling, books: Candles, fence: Fence
) -> None:
    pit.prices(100, -100, 50)
    pit.exchange.fund(5)
    pit.exchange.order(Side.BUY, 3_000, now_ms=pit.now_ms)
    pit.exchange.order(Side.SELL, 1_000, now_ms=pit.now_ms)
    pit.open(Direction.SHORT)
    pit.price(10, idx=EVE)

    done = rolling.roll(fence)

    assert stored(books) == candles(ticks_of(pit), UNROLLED)
    assert stored(books, EVE) == candles(ticks_of(pit, EVE), UNROLLED)
    [day] = books.read(ARS, Interval.DAY, limit=1)
    assert (day.volume, day.last_seq) == (3_000 + 1_000 + 1_000, 6)
    assert done == Done(7, len(stored(books)) + len(stored(books, EVE)), more=False)


def test_a_tick_is_put_into_candles_once(
    pit: Pit, rolling: Rolling, books: Candles, fence: Fence
) -> None:
    pit.prices(100, 200)
    rolling.roll(fence)
    pit.open(Direction.LONG, 2_000)
    pit.price(50)

    assert rolling.roll(fence).ticks == 2
    assert rolling.roll(fence) == Done()
    assert stored(books) == candles(ticks_of(pit), UNROLLED)
    assert books.read(ARS, Interval.DAY, limit=1)[0].volume == 2_000


def test_much_is_taken_in_bounded_rounds_and_comes_to_the_same(
    pit: Pit,
    rolling: Rolling,
    books: Candles,
    fence: Fence,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rolling_module, "PAGE", 3)
    monkeypatch.setattr(rolling_module, "ROUND", 4)
    pit.prices(*range(10))
    pit.prices(*range(8), idx=EVE)

    rounds = []
    while (done := rolling.roll(fence)).more:
        rounds.append(done.ticks)

    assert max(rounds) <= 4 + 3
    assert len(rounds) >= 3
    assert stored(books) == candles(ticks_of(pit), UNROLLED)
    assert stored(books, EVE) == candles(ticks_of(pit, EVE), UNROLLED)


def test_the_club_that_has_waited_longest_comes_first(
    pit: Pit,
    rolling: Rolling,
    books: Candles,
    fence: Fence,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pit.price(0)
    pit.price(0, idx=EVE)
    rolling.roll(fence)
    pit.prices(1, 2)
    rolling.roll(fence)
    pit.prices(3, 4, 5)
    pit.prices(1, 2, idx=EVE)
    monkeypatch.setattr(rolling_module, "ROUND", 1)

    first, second = rolling.roll(fence), rolling.roll(fence)

    assert (first, second.more) == (Done(2, first.rows, more=True), False)
    assert {idx: place.seq for idx, place in books.rolled([ARS, EVE]).items()} == {ARS: 6, EVE: 3}


@pytest.mark.parametrize("at", range(4))
def test_a_roller_that_dies_anywhere_leaves_the_next_one_everything(
    pit: Pit, rolling: Rolling, books: Candles, pg: Postgres, fence: Fence, at: int
) -> None:
    pit.prices(100, 200)
    rolling.roll(fence)
    pit.prices(300, 50)
    broken = Breaking(pg, at)
    dying = Rolling(pit.exchange.client, pit.exchange.keys, Candles(broken))  # type: ignore[arg-type]  # has what is used

    with pytest.raises(Killed):
        dying.roll(fence)
    rolling.trim()
    pit.price(80)
    rolling.roll(fence)

    assert broken.broke
    assert stored(books) == candles(ticks_of(pit), UNROLLED)


def test_after_a_loss_of_ticks_it_goes_on_with_those_there_are(
    pit: Pit, rolling: Rolling, books: Candles, fence: Fence
) -> None:
    pit.prices(100, 200)
    rolling.roll(fence)
    pit.price(300)
    pit.exchange.client.delete(pit.exchange.keys.ticks(ARS))
    pit.price(50)

    rolling.roll(fence)

    last = books.read(ARS, Interval.SECOND, limit=1)[0]
    assert (last.first_seq, last.last_seq, last.volume) == (4, 4, 0)
    assert len(books.read(ARS, Interval.SECOND, limit=9)) == 3


def test_ticks_stay_for_26_hours(pit: Pit, rolling: Rolling, fence: Fence) -> None:
    ids = days(pit)
    all_rolled(rolling, fence)

    trimmed = all_trimmed(rolling)

    kept = [one.id for one in ticks_of(pit)]
    young = [one for one in ids if at_ms(one) >= at_ms(ids[-1]) - TICKS_KEPT_MS]
    assert kept == ids[trimmed:]
    assert len(young) <= len(kept) < len(young) + NODE


def test_a_tick_that_is_in_no_candle_stays(pit: Pit, rolling: Rolling) -> None:
    ids = days(pit)

    assert all_trimmed(rolling) == 0
    assert [one.id for one in ticks_of(pit)] == ids


def test_ticks_that_an_open_position_was_not_checked_at_stay(
    pit: Pit, rolling: Rolling, fence: Fence
) -> None:
    first = pit.price(0)
    stopped = pit.long(-300)
    pit.passed_upto(first)
    hit = pit.price(-350)
    pit.price(100)
    days(pit)
    all_rolled(rolling, fence)

    assert all_trimmed(rolling) == 0
    pit.scanner.scan({ARS: [stopped]}, By.BACKSTOP_SWEEPER)
    close = pit.exchange.entries()[-1]

    assert (close["id"], close["ttick"], close["approx"]) == (stopped, hit.tick_id, "0")


def test_where_nothing_was_ever_watched_an_open_position_keeps_all(
    pit: Pit, rolling: Rolling, fence: Fence
) -> None:
    pit.long(-300)
    days(pit)
    all_rolled(rolling, fence)

    assert all_trimmed(rolling) == 0


def test_a_watch_that_stands_keeps_nothing_where_nothing_is_open(
    pit: Pit, rolling: Rolling, fence: Fence
) -> None:
    pit.passed_upto(pit.price(0))
    days(pit)
    all_rolled(rolling, fence)

    assert all_trimmed(rolling) > 0


@settings(max_examples=20)
@given(
    into_candles=st.integers(0, TICKS),
    watched=st.none() | st.integers(0, TICKS - 1),
    open_=st.booleans(),
)
def test_no_trim_ever_passes_a_cursor(pit, rolling, fence, pg, into_candles, watched, open_):
    client, keys = pit.exchange.client, pit.exchange.keys
    ids = [f"{(n + 1) * STEP_MS}-0" for n in range(TICKS)]
    client.delete(keys.ticks(EVE), keys.watch(EVE), keys.open_by_club(EVE))
    with client.pipeline() as pipe:
        for one in ids:
            pipe.xadd(keys.ticks(EVE), {"s": 1}, id=one)
        pipe.hset(keys.inst(EVE), "tid", ids[-1])
        if watched is not None:
            pipe.hset(keys.watch(EVE), "id", ids[watched])
        if open_:
            pipe.sadd(keys.open_by_club(EVE), "p")
        pipe.execute()
    with pg.transaction() as cursor:
        cursor.execute("DELETE FROM candle_cursors")
        if into_candles:
            values = (EVE, ids[into_candles - 1])
            cursor.execute("INSERT INTO candle_cursors (idx, tick_id) VALUES (%s, %s)", values)

    all_trimmed(rolling)

    kept = {entry_id for entry_id, _ in client.xrange(keys.ticks(EVE))}
    needed = set(ids[into_candles:]) | {
        one for one in ids if at_ms(one) >= at_ms(ids[-1]) - TICKS_KEPT_MS
    }
    if open_:
        needed |= set(ids if watched is None else ids[watched + 1 :])
    client.delete(keys.open_by_club(EVE))
    client.hset(keys.inst(EVE), "tid", "0-0")
    assert needed <= kept
    assert len(kept) <= max(len(ids) - ids.index(min(needed, key=at_ms)), 0) + NODE + 1


def at_ms(tick_id: str) -> int:
    return int(tick_id.partition("-")[0])
