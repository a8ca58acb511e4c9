"""The polling plan at the speeds a calendar runs at."""

import pytest
from touchline.actors.feeds.pace import Pace


@pytest.mark.parametrize(
    ("speed", "pace"),
    [
        (1, Pace(poll_s=2.0, stale_ms=10_000, list_ms=3_600_000, review_ms=600_000)),
        (10, Pace(poll_s=0.2, stale_ms=10_000, list_ms=3_600_000, review_ms=600_000)),
        (2_000, Pace(poll_s=0.02, stale_ms=200_000, list_ms=60_000_000, review_ms=1_000_000)),
        (20_000, Pace(poll_s=0.02, stale_ms=2_000_000, list_ms=600_000_000, review_ms=10_000_000)),
    ],
)
def test_polls_keep_up_with_the_calendar_down_to_a_floor(speed, pace):
    assert Pace.at(speed) == pace


@pytest.mark.parametrize("speed", [0, -1])
def test_a_calendar_that_stands_still_has_no_pace(speed):
    with pytest.raises(ValueError, match="speed"):
        Pace.at(speed)
