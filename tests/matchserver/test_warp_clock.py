"""The calendar that runs faster than life and skips idle time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.matchserver.clock import WarpClock, windows_of
from touchline.matchserver.lies import FalseScore
from touchline.matchserver.season import generate_season

WINDOWS = [(1_000, 2_000), (10_000, 12_000)]


class Seconds:
    """A monotonic clock that moves when told."""

    def __init__(self):
        self.now_s = 500.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def seconds():
    return Seconds()


@pytest.mark.parametrize(
    ("real_s", "calendar_ms"),
    [(0, 1_000), (0.05, 1_500), (0.0999, 1_999), (0.1, 10_000), (0.25, 11_500), (1.3, 22_000)],
)
def test_real_time_times_the_speed_runs_through_the_windows(seconds, real_s, calendar_ms):
    clock = WarpClock(WINDOWS, 10, seconds)

    seconds.now_s += real_s

    assert clock() == pytest.approx(calendar_ms, abs=1)


def test_windows_may_overlap_in_any_order(seconds):
    clock = WarpClock([(5_000, 6_000), (1_000, 3_000), (2_000, 4_000)], 1, seconds)

    seconds.now_s += 3.5

    assert clock() == 5_500


@pytest.mark.parametrize(
    ("start_ms", "resumed_ms"),
    [
        (0, 1_000),
        (1_500, 1_500),
        (2_000, 10_000),
        (7_000, 10_000),
        (11_000, 11_000),
        (99_000, 99_000),
    ],
)
def test_it_resumes_where_it_was_but_not_in_idle_time(seconds, start_ms, resumed_ms):
    assert WarpClock(WINDOWS, 1, seconds, start_ms=start_ms)() == resumed_ms


def test_a_clock_that_was_held_goes_on_from_where_it_stood(seconds):
    clock = WarpClock(WINDOWS, 0, seconds, start_ms=1_500)

    seconds.now_s += 50
    held_ms = clock()
    clock.run_at(2)
    seconds.now_s += 0.1

    assert held_ms == 1_500
    assert (clock(), clock.speed) == (1_700, 2)


def test_it_runs_on_from_where_it_resumed(seconds):
    clock = WarpClock(WINDOWS, 2, seconds, start_ms=1_500)

    seconds.now_s += 0.5

    assert clock() == 10_500


@pytest.mark.parametrize(
    ("by_ms", "now_ms"), [(0, 1_000), (400, 1_400), (5_000, 10_000), (30_000, 31_000)]
)
def test_it_can_be_moved_on(seconds, by_ms, now_ms):
    clock = WarpClock(WINDOWS, 0, seconds)

    assert clock.advance(by_ms) == now_ms
    assert clock() == now_ms


def test_an_instant_that_has_passed_does_not_move_it_back(seconds):
    clock = WarpClock(WINDOWS, 1, seconds, start_ms=11_000)

    assert clock.advance_to(1_500) == 11_000

    seconds.now_s += 0.5
    assert clock() == 11_500


@given(st.lists(st.floats(-0.5, 2.0), max_size=30))
def test_it_never_goes_backwards(steps):
    seconds = Seconds()
    clock = WarpClock(WINDOWS, 3, seconds)
    seen = [clock()]

    for step in steps:
        seconds.now_s += step
        seen.append(clock())

    assert seen == sorted(seen)


def test_it_needs_a_window_and_a_speed(seconds):
    with pytest.raises(ValueError, match="window"):
        WarpClock([], 1, seconds)
    with pytest.raises(ValueError, match="speed"):
        WarpClock(WINDOWS, -1, seconds)


@pytest.mark.parametrize(("speed", "lead_s"), [(1, 10), (10, 100), (30, 300), (2_000, 300)])
def test_the_run_up_to_a_kick_off_is_short_for_a_spectator(speed, lead_s):
    season = generate_season(1, clubs=2)

    first = windows_of(season, speed)[0]

    assert first[0] == season.matches[0].kickoff_ms - lead_s * 1000
    assert first[1] == season.matches[0].final_whistle_ms + 180_000


def test_the_calendar_runs_on_where_a_result_is_put_right(seconds):
    season = generate_season(1, clubs=2)
    first = season.matches[0]
    late_ms = first.final_whistle_ms + 3_600_000
    told = FalseScore(first.id, first.final_whistle_ms, late_ms, "home")
    harmless = FalseScore(first.id, first.kickoff_ms, first.kickoff_ms + 60_000, "home")

    windows = windows_of(season, 100, (told, harmless))

    assert set(windows) - set(windows_of(season, 100)) == {(late_ms, late_ms + 2_850_000)}
    clock = WarpClock(windows, 0, seconds, first.final_whistle_ms + 180_000)
    assert clock() == late_ms


def test_a_whole_season_takes_minutes(seconds):
    season = generate_season(1)
    clock = WarpClock(windows_of(season, 5_000), 5_000, seconds)

    seconds.now_s += 8 * 60

    assert clock() > season.matches[-1].final_whistle_ms + 180_000
