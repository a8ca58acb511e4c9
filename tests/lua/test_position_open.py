"""position_open.lua by hand: what a position costs, what it leaves, and what is refused."""

import pytest
from touchline.domain.halts import Phase
from touchline.domain.money import AMOUNT_MAX
from touchline.domain.position_events import EventKind
from touchline.domain.positions import Direction, Stops
from touchline.domain.refusals import Refusal, Refused
from touchline.store.position_commands import (
    Happened,
    HappenedBefore,
    MarginCommand,
    PositionKey,
    StopsCommand,
)

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


def test_what_would_lock_more_than_a_wallet_holds_does_not_wait_either(exchange: Exchange) -> None:
    exchange.fund(ANN)
    exchange.client.hset(exchange.keys.wallet(ANN), "locked", str(AMOUNT_MAX))
    exchange.client.hset(exchange.keys.inst(ARS), "phase", Phase.LIVE.value)

    outcome = exchange.open(Direction.LONG, 1_000, delay_ms=5_000)

    assert outcome == Refused(Refusal.AMOUNT_LIMIT_EXCEEDED)
    exchange.client.flushdb()  # no books that could be proved


def test_the_same_key_opens_one_position(exchange: Exchange) -> None:
    exchange.fund(ANN)
    first = exchange.open(Direction.LONG, 1_000, idem_key="once")

    again = exchange.open(Direction.LONG, 1_000, idem_key="once")

    assert again == HappenedBefore(first.event)
    assert exchange.open(Direction.LONG, 1_000, idem_key="once", fingerprint="other") == Refused(
        Refusal.IDEMPOTENCY_KEY_REUSED
    )
    assert len(exchange.positions()) == 1


def test_what_was_opened_can_be_given_stops_and_margin(exchange: Exchange) -> None:
    exchange.fund(ANN)
    position = exchange.open(Direction.LONG, 10_000).event.position
    where = PositionKey(position.id, ANN, ARS)

    stops = exchange.run(StopsCommand("e2", where, 1, 960_000, None, 20_000, 2_100))
    margin = exchange.run(MarginCommand("e3", where, 1_000_000, "k", "fp", 2_200))

    club = exchange.hot.instrument(ARS)
    assert club is not None
    assert stops.event.position.stops == Stops(960_000, None, 20_000)
    assert stops.event.position.best_px == club.bid_px
    assert margin.event.position.margin_e4 == position.margin_e4 + 1_000_000
