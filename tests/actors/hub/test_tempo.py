"""How often prices go out."""

from __future__ import annotations

import pytest
from touchline.actors.hub.tempo import MOST_S, Tempo


def flushes(prices: int, *, until_s: float) -> list[float]:
    """When a flush of so many *prices* is made, if something waits at all times."""
    tempo, now_s, found = Tempo(), 0.0, []
    while now_s < until_s:
        found.append(now_s)
        tempo.went_out(now_s, prices)
        now_s = tempo.next_at(now_s)
    return found


@pytest.mark.parametrize(("prices", "a_second"), [(1, 12.5), (2, 9.09), (7, 4), (200, 4)])
def test_the_more_prices_go_out_together_the_less_often_they_do(prices: int, a_second: float):
    assert len(flushes(prices, until_s=100.0)) / 100 == pytest.approx(a_second, rel=0.01)


def test_after_a_pause_nothing_waits():
    tempo = Tempo()
    assert tempo.next_at(7.0) == 7.0

    tempo.went_out(7.0, 10)

    assert tempo.next_at(7.01) == pytest.approx(7.2)
    assert tempo.next_at(9.0) == 9.0


def test_a_feed_of_ten_a_second_that_was_late_once_waits_for_nothing_afterwards():
    tempo, now_s = Tempo(), 0.0

    for after_s in (0.1, 0.1, 0.14, 0.06, 0.1, 0.1):
        now_s += after_s
        assert tempo.next_at(now_s) == now_s
        tempo.went_out(now_s, 1)


def test_halts_that_did_not_wait_hold_up_no_price_for_longer_than_others_do():
    tempo = Tempo()

    for _ in range(20):  # of as many clubs, one after the other
        tempo.went_out(7.0, 1)

    assert tempo.next_at(7.0) <= 7.0 + MOST_S
