"""The pressure-gauge: new trades pause while Redis is too full, and go on by themselves."""

from __future__ import annotations

import pytest
import redis.exceptions as redis_errors
from structlog.testing import capture_logs
from touchline.actors.meters import PressureMeter
from touchline.actors.trading.messages import GaugeDue
from touchline.actors.trading.pressure_gauge import PressureGauge
from touchline.store.pressure import Load

ROOM, EDGE, FULL = Load(9, 0.4), Load(10, 0.8), Load(10, 0.9)


class ScriptedLoad:
    """Tells what it is given, and is away if that is nothing."""

    def __init__(self, *found: Load | None) -> None:
        self._found = list(found)

    def __call__(self) -> Load:
        found = self._found.pop(0)
        if found is None:
            raise redis_errors.ConnectionError("gone")
        return found


def gauged(meter: PressureMeter, *found: Load | None) -> PressureGauge:
    """A gauge that has looked at all of *found* but those after an outage."""
    gauge = PressureGauge(ScriptedLoad(*found), 10, meter)
    for _ in found:
        gauge.receive(GaugeDue())
    return gauge


@pytest.mark.parametrize(
    ("found", "paused"),
    [
        ([ROOM], False),
        ([EDGE], False),
        ([FULL], True),
        ([FULL, EDGE], True),
        ([FULL, EDGE, EDGE], True),
        ([FULL, ROOM], False),
        ([FULL, ROOM, EDGE], False),
    ],
)
def test_new_trades_pause_for_as_long_as_there_is_too_little_room(
    found: list[Load], paused: bool
) -> None:
    meter = PressureMeter()

    gauge = gauged(meter, *found)

    assert meter.paused() is paused
    assert bool(gauge.detail()["ailing"]) is paused


def test_what_keeps_new_trades_waiting_is_told_with_its_numbers() -> None:
    detail = gauged(PressureMeter(), Load(11, None)).detail()

    assert detail == {
        "facts": 11,
        "memory": None,
        "ailing": "new trades are paused: 11 facts wait for Postgres",
    }


def test_a_pause_is_logged_when_it_begins_and_when_it_ends() -> None:
    with capture_logs() as logged:
        gauged(PressureMeter(), ROOM, FULL, FULL, ROOM, ROOM)

    assert [line["event"] for line in logged] == [
        "new trades are paused",
        "new trades are taken again",
    ]


def test_what_was_found_last_holds_while_redis_is_away() -> None:
    meter = PressureMeter()

    with pytest.raises(redis_errors.ConnectionError):
        gauged(meter, FULL, None)

    assert meter.paused()
