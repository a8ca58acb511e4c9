"""What each halt stops, and what clients are told."""

import pytest
from touchline.domain.halts import (
    FEED_HALTS,
    OPEN,
    Halt,
    Phase,
    reasons,
    stops_closing,
    stops_opening,
)


@pytest.mark.parametrize("halt", list(Halt))
def test_any_halt_stops_opening(halt: Halt) -> None:
    assert stops_opening(halt)


@pytest.mark.parametrize(
    ("halt", "stops"),
    [
        (Halt.MATCH_SUSPENDED, True),
        (Halt.FEED_STALE, True),
        (Halt.EVENT, True),
        (Halt.ADMIN, True),
        (Halt.CIRCUIT, False),
        (Halt.REDUCE_ONLY, False),
        (Halt.REDUCE_ONLY | Halt.EVENT, True),
    ],
)
def test_a_price_nobody_can_trust_stops_closing_too(halt: Halt, stops: bool) -> None:
    assert stops_closing(halt) is stops


def test_an_open_market_stops_nothing() -> None:
    assert not stops_opening(OPEN)
    assert not stops_closing(OPEN)
    assert reasons(OPEN, Phase.LIVE) == ()


def test_the_feeds_bits_are_the_lowest_three() -> None:
    assert int(FEED_HALTS) == 0b111


def test_reasons_are_named_lowest_bit_first() -> None:
    halt = Halt.REDUCE_ONLY | Halt.MATCH_SUSPENDED | Halt.EVENT

    assert reasons(halt, Phase.SUSPENDED) == ("MATCH_SUSPENDED", "EVENT", "REDUCE_ONLY")


def test_a_shoot_out_is_called_by_its_name() -> None:
    assert reasons(Halt.MATCH_SUSPENDED | Halt.EVENT, Phase.SHOOTOUT) == ("SHOOTOUT", "EVENT")
    assert reasons(Halt.EVENT, Phase.SHOOTOUT) == ("EVENT",)
