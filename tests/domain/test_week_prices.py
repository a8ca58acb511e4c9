"""The last ticks of weeks."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.candles import CandleTick
from touchline.domain.halts import OPEN
from touchline.domain.leaderboard import WEEK_MS, week_of
from touchline.domain.week_prices import WeekClose, week_closes

MONDAY_MS = week_of(1_792_854_300_123).ends_ms


def tick(at_ms: int, seq: int, mark_px: int = 100) -> CandleTick:
    return CandleTick(f"{at_ms}-{seq}", seq, 100, 0, 99, 101, mark_px, 100, OPEN)


def test_a_tick_of_midnight_belongs_to_the_week_that_ends():
    ticks = [tick(MONDAY_MS - 1, 4), tick(MONDAY_MS, 5, 7), tick(MONDAY_MS + 1, 6, 8)]

    assert week_closes(ticks) == [
        WeekClose("2026-W43", 4, 5, f"{MONDAY_MS}-5", 7),
        WeekClose("2026-W44", 6, 6, f"{MONDAY_MS + 1}-6", 8),
    ]


def test_without_ticks_there_is_no_close():
    assert week_closes([]) == []


INSTANTS = st.lists(
    st.integers(0, 4 * WEEK_MS)
    | st.builds(lambda n, by: n * WEEK_MS + by, st.integers(0, 4), st.integers(-2, 2)),
    min_size=1,
    max_size=30,
).map(sorted)


@given(INSTANTS, st.data())
def test_each_weeks_last_tick_is_found_however_the_ticks_were_cut(instants, data):
    ticks = [tick(MONDAY_MS + at, seq, seq) for seq, at in enumerate(instants, start=1)]
    cut = data.draw(st.integers(0, len(ticks)))

    found: dict[str, WeekClose] = {}
    for close in week_closes(ticks[:cut]) + week_closes(ticks[cut:]):
        first_seq = found[close.week].first_seq if close.week in found else close.first_seq
        found[close.week] = WeekClose(
            close.week, first_seq, close.last_seq, close.tick_id, close.mark_px
        )

    assert list(found) == sorted(found)
    for number in range(-1, 6):
        until_ms = MONDAY_MS + number * WEEK_MS
        until = [each for each in ticks if each.at_ms <= until_ms]
        ended = week_of(until_ms - 1).name
        closes = [close for week, close in found.items() if week <= ended]
        assert [close.mark_px for close in closes[-1:]] == [each.mark_px for each in until[-1:]]
    for earlier, later in pairwise(found.values()):
        assert later.first_seq == earlier.last_seq + 1
