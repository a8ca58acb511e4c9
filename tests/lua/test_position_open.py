"""position_open.lua by hand: what a position costs, what it leaves, and what is refused."""

import pytest
from touchline.domain.position_events import EventKind
from touchline.domain.positions import Direction, Stops
from touchline.domain.refusals import Refusal, Refused
from touchline.store.position_commands import Happened, HappenedBefore

from tests.fakes.exchange import ANN, ARS, Exchange

pytestmark = pytest.mark.external


def test_a_long_reserves_its_margin_and_pays_its_fee(exchange: Exchange) -> None:
    exchange.fund(ANN)

    outcome = exchange.open(Direction.LONG, 10_000, leverage=5)

    assert isinstance(outcome, Happened)
    position, event = outcome.event.position, outcome.event
    assert (event.kind, event.px, event.value_e4, event.fee_e4) == (
        EventKind.OPEN, 1_001_501, 10_015_010, 10_016,
    )  # fmt: skip
    assert (position.margin_e4, position.liquidation_px) == (2_003_002, 901_351)
    wallet = exchange.hot.wallet(ANN)
    assert (wallet.cash_e4, wallet.locked_e4) == (100_000_000 - 2_003_002 - 10_016, 2_003_002)
    club = exchange.hot.instrument(ARS)
    assert club is not None
    assert (club.inventory, club.short_interest, club.seq) == (10_000, 0, 1)
    assert exchange.position(position.id) == position


def test_a_short_counts_as_short_interest(exchange: Exchange) -> None:
    exchange.fund(ANN)

    outcome = exchange.open(Direction.SHORT, 10_000, stops=Stops(1_050_000, 900_000, 20_000))

    assert isinstance(outcome, Happened)
    club = exchange.hot.instrument(ARS)
    assert club is not None
    assert (club.inventory, club.short_interest) == (-10_000, 10_000)
    assert outcome.event.position.best_px == club.ask_px


def test_the_same_key_opens_one_position(exchange: Exchange) -> None:
    exchange.fund(ANN)
    first = exchange.open(Direction.LONG, 1_000, idem_key="once")

    again = exchange.open(Direction.LONG, 1_000, idem_key="once")

    assert again == HappenedBefore(first.event)
    assert exchange.open(Direction.LONG, 1_000, idem_key="once", fingerprint="other") == Refused(
        Refusal.IDEMPOTENCY_KEY_REUSED
    )
    assert len(exchange.positions()) == 1
