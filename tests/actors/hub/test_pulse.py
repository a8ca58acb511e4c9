"""When the loop was surely turning: what is noticed late has happened by then."""

from __future__ import annotations

from touchline.actors.hub.pulse import APART_S, KEPT, LATE_S, Pulse
from touchline.domain.clock import Moment


def at(s: float) -> Moment:
    """A moment of a calendar that runs sixty times as fast."""
    return Moment(round(s * 60_000), s)


def beaten(*seconds: float) -> Pulse:
    pulse = Pulse()
    for s in seconds:
        pulse.beat(at(s))
    return pulse


def test_while_the_loop_turns_everything_is_noticed_at_once():
    assert beaten(1, 2, 3).sure(at(3 + LATE_S)) == at(3 + LATE_S)
    assert Pulse().sure(at(9)) == at(9)


def test_what_is_noticed_before_the_first_beat_behind_a_standstill_came_during_it():
    assert beaten(1, 2, 3).sure(at(3.1 + LATE_S)) == at(3)


def test_what_is_noticed_just_behind_a_standstill_came_during_it_too():
    pulse = beaten(1, 2, 20, 21)

    assert pulse.sure(at(21)) == at(2)
    assert pulse.sure(at(20 + LATE_S)) == at(20 + LATE_S)


def test_a_silent_client_was_there_at_the_beat_before_its_last_word():
    pulse = beaten(1, 2, 3, 4)

    assert pulse.before(3.5) == at(3)
    assert pulse.before(3.0) == at(3)
    assert pulse.before(0.5) == at(1)
    assert Pulse().before(1.0) is None


def test_many_shards_beat_and_a_minute_is_kept():
    pulse = beaten(*(n / 8 for n in range(8 * 200)))

    assert pulse.before(0.0) == at(200 - KEPT * APART_S)
    assert pulse.before(199.9) == at(199)
