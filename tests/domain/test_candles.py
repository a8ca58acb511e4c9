"""Candles: made of ticks, and the same however the ticks were cut into batches."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.candles import (
    STORED,
    UNROLLED,
    Candle,
    CandleTick,
    Interval,
    Rolled,
    Span,
    candles,
    coarser,
    joined,
    rolled,
    stand_ins,
)
from touchline.domain.halts import OPEN, Halt
from touchline.domain.positions import Direction, Position, Stops
from touchline.domain.scanning import Course, Cursor, Stretch, advanced
from touchline.domain.ticks import Glance, Tick, Why

from tests.domain.test_scanning import position

NOON_MS = 1_785_585_600_000  # 2026-08-01T12:00:00Z


def tick(
    seq: int,
    after_ms: int = 0,
    mid: int = 100,
    *,
    inventory: int = 0,
    halt: Halt = OPEN,
    mark: int | None = None,
) -> CandleTick:
    """Tick number *seq* so long after noon, bid and ask 1 away from the mid."""
    mark = mid if mark is None else mark
    return CandleTick(
        *(f"{NOON_MS + after_ms}-{seq}", seq, mid + 7, inventory),
        *(mid - 1, mid + 1, mark, mid, halt),
    )


def of(interval: Interval, made: Sequence[Candle]) -> list[Candle]:
    return [candle for candle in made if candle.interval is interval]


def added(stored: dict[tuple[Interval, int], Candle], made: Sequence[Candle]) -> None:
    """What the store does with more candles."""
    for candle in made:
        key = candle.interval, candle.at_ms
        stored[key] = joined(stored[key], candle) if key in stored else candle


histories = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 400, 999, 1_000, 59_000, 3_600_000, 90_000_000)),  # ms later
        st.integers(1, 300),  # mid
        st.integers(-50, 50),  # inventory
        st.sampled_from((OPEN, OPEN, Halt.EVENT, Halt.CIRCUIT)),
        st.sampled_from((1, 1, 1, 3)),  # seqs further
    ),
    min_size=1,
    max_size=40,
)


def history(steps: Sequence[tuple[int, int, int, Halt, int]]) -> list[CandleTick]:
    ticks, after_ms, seq = [], 0, 0
    for later_ms, mid, inventory, halt, further in steps:
        after_ms, seq = after_ms + later_ms, seq + further
        ticks.append(tick(seq, after_ms, mid, inventory=inventory, halt=halt, mark=mid + 2))
    return ticks


def test_a_candle_has_the_first_the_extremes_and_the_last_of_its_mids() -> None:
    ticks = [tick(1, 0, 100), tick(2, 300, 130), tick(3, 600, 90), tick(4, 999, 110)]

    [second] = of(Interval.SECOND, candles(ticks, UNROLLED))

    assert (second.at_ms, second.first_seq, second.last_seq) == (NOON_MS, 1, 4)
    assert (second.open_px, second.high_px, second.low_px, second.close_px) == (100, 130, 90, 110)
    assert (second.bid, second.ask, second.mark) == (Span(89, 129), Span(91, 131), Span(90, 130))


def test_a_second_without_a_tick_has_no_candle() -> None:
    made = candles([tick(1, 0), tick(2, 2_500)], UNROLLED)

    assert [one.at_ms - NOON_MS for one in of(Interval.SECOND, made)] == [0, 2_000]
    assert [one.at_ms - NOON_MS for one in of(Interval.MINUTE, made)] == [0]


def test_days_begin_at_midnight_utc() -> None:
    day = 86_400_000
    made = candles([tick(1, day // 2 - 1), tick(2, day // 2)], UNROLLED)

    assert [one.at_ms - NOON_MS for one in of(Interval.DAY, made)] == [-day // 2, day // 2]


def test_what_is_published_under_a_halt_moves_the_mid_and_reaches_no_stop() -> None:
    ticks = [tick(1, 0, 100), tick(2, 1, 50, halt=Halt.EVENT), tick(3, 2, 98, halt=Halt.CIRCUIT)]

    [second] = of(Interval.SECOND, candles(ticks, UNROLLED))
    [halted] = of(Interval.SECOND, candles(ticks[1:2], Rolled("1-1", 1, 0)))

    assert (second.low_px, second.bid, second.mark) == (50, Span(97, 99), Span(98, 100))
    assert (halted.low_px, halted.bid, halted.ask, halted.mark) == (50, None, None, None)


def test_the_volume_is_what_was_bought_and_sold_one_way_and_the_other() -> None:
    ticks = [tick(8, 0, inventory=30), tick(9, 1, inventory=30), tick(10, 2, inventory=-5)]

    [second] = of(Interval.SECOND, candles(ticks, Rolled("1-1", 7, 20)))

    assert second.volume == 10 + 0 + 35


def test_across_missing_ticks_no_volume_is_made_up() -> None:
    ticks = [tick(9, 0, inventory=30), tick(10, 1, inventory=31)]

    [second] = of(Interval.SECOND, candles(ticks, Rolled("1-1", 7, 20)))

    assert second.volume == 1


@given(histories, st.data())
def test_the_candles_are_the_same_however_the_ticks_were_cut(steps, data) -> None:
    ticks = history(steps)
    cuts = data.draw(st.lists(st.integers(0, len(ticks)), max_size=8).map(sorted))
    whole: dict[tuple[Interval, int], Candle] = {}
    added(whole, candles(ticks, UNROLLED))
    pieces: dict[tuple[Interval, int], Candle] = {}

    after = UNROLLED
    for begin, end in pairwise([0, *cuts, len(ticks)]):
        if begin < end:
            added(pieces, candles(ticks[begin:end], after))
            after = rolled(ticks[begin:end])

    assert pieces == whole


@given(histories)
def test_each_stored_candle_is_the_one_of_all_ticks_of_its_time(steps) -> None:
    ticks = history(steps)

    for candle in candles(ticks, UNROLLED):
        end_ms = candle.at_ms + candle.interval.ms
        within = [one for one in ticks if candle.at_ms <= one.at_ms < end_ms]
        counting = [one.bid_px for one in within if Halt.EVENT not in one.halt]
        mids = [one.mid_px for one in within]
        assert (candle.first_seq, candle.last_seq) == (within[0].seq, within[-1].seq)
        assert (candle.open_px, candle.close_px) == (mids[0], mids[-1])
        assert (candle.low_px, candle.high_px) == (min(mids), max(mids))
        assert candle.bid == (Span(min(counting), max(counting)) if counting else None)


@given(histories)
def test_every_interval_has_all_ticks_and_all_volume(steps) -> None:
    made = candles(history(steps), UNROLLED)

    assert {sum(one.volume for one in of(each, made)) for each in STORED} == {
        sum(one.volume for one in of(Interval.SECOND, made))
    }
    assert of(Interval.HOUR, made) == coarser(of(Interval.SECOND, made), Interval.HOUR)


def test_a_low_and_a_high_stand_in_for_the_ticks_of_a_candle() -> None:
    ticks = [tick(4, 0, 100), tick(5, 400, 130, mark=120), tick(6, 900, 90, mark=95)]
    [second] = of(Interval.SECOND, candles(ticks, UNROLLED))

    high, low = stand_ins(second, f"{NOON_MS - 5}-3", NOON_MS + 5_000)

    assert low == Tick(f"{NOON_MS + 999}-1", 4, 97, 0, 89, 91, 95, 90, Why.CANDLE.value, OPEN)
    assert high == Tick(f"{NOON_MS + 999}-0", 4, 137, 0, 129, 131, 120, 130, Why.CANDLE.value, OPEN)


def test_of_a_candle_that_fell_the_high_comes_before_the_low() -> None:
    fell = [tick(14, 0, 120), tick(15, 10, 90)]
    [second] = of(Interval.SECOND, candles(fell, UNROLLED))
    trailing = Stops(trail_px=10)
    short = position(Direction.SHORT, stops=trailing, best_px=121, liquidation_px=200)
    long = position(Direction.LONG, stops=trailing, best_px=100, liquidation_px=1)

    made = list(map(glance, stand_ins(second, "1000-10", NOON_MS + 5_000)))

    assert [one.bid_px for one in made] == [119, 89]
    assert reached(short, made).closing is None
    assert reached(long, made).closing == made[1]


def test_stand_ins_come_behind_what_is_there_and_are_not_later_than_they_may_be() -> None:
    [second] = of(Interval.SECOND, candles([tick(4)], UNROLLED))

    early = stand_ins(second, f"{NOON_MS - 5}-3", NOON_MS + 300)
    behind = stand_ins(second, f"{NOON_MS + 999}-1", NOON_MS + 5_000)

    assert [one.id for one in early] == [f"{NOON_MS + 300}-0", f"{NOON_MS + 300}-1"]
    assert [one.id for one in behind] == [f"{NOON_MS + 999}-2", f"{NOON_MS + 999}-3"]


def test_nothing_stands_in_for_what_a_halt_kept_from_closing() -> None:
    [second] = of(Interval.SECOND, candles([tick(4, halt=Halt.EVENT)], UNROLLED))

    assert stand_ins(second, "0-0", NOON_MS + 5_000) == ()


def reached(of_: Position, ticks: Sequence[Glance]) -> Course:
    """How far *of_* gets over *ticks*."""
    start = Course(of_, Cursor(of_.checked_tick_id, of_.checked_seq))
    return advanced(start, Stretch(ticks))


def glance(of_: CandleTick | Tick) -> Glance:
    prices = of_.index_px, of_.bid_px, of_.ask_px, of_.mark_px
    return Glance(of_.id, of_.seq, *prices, of_.halt, isinstance(of_, Tick))


@given(
    st.lists(st.tuples(st.integers(85, 115), st.sampled_from((OPEN, OPEN, Halt.EVENT)))),
    st.sampled_from(Direction),
    st.sampled_from((Stops(), Stops(stop_loss_px=95), Stops(take_profit_px=105))),
)
def test_where_each_candle_is_one_tick_it_closes_what_the_tick_would_have(
    prices, side, stops
) -> None:
    if side is Direction.SHORT:
        stops = Stops(stops.take_profit_px, stops.stop_loss_px)
    held = position(side, stops=stops)
    ticks = [tick(11 + n, n * 1_000, mid, halt=halt) for n, (mid, halt) in enumerate(prices)]
    made: list[Tick] = []
    for second in of(Interval.SECOND, candles(ticks, UNROLLED)):
        made += stand_ins(second, made[-1].id if made else "1000-10", 2 * NOON_MS)

    real, stood_in = reached(held, list(map(glance, ticks))), reached(held, list(map(glance, made)))

    assert (real.closing is None) == (stood_in.closing is None)
    if real.closing and stood_in.closing:
        assert (stood_in.closing.seq, stood_in.closing[2:6]) == (
            real.closing.seq,
            real.closing[2:6],
        )
        assert (real.gap, stood_in.gap) == (False, True)
