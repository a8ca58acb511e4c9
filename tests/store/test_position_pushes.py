"""What the scripts of positions tell their owners, and what a portfolio shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis as redis_module
from touchline.domain.ids import UserId
from touchline.domain.position_events import By
from touchline.domain.positions import CloseReason, Direction, Stops
from touchline.domain.pushes import MarginCallPush, PortfolioEvent, PositionPush, Push
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store.hashes import instrument_hash
from touchline.store.position_calls import follow_call, script
from touchline.store.position_commands import (
    CloseCommand,
    FollowCommand,
    Happened,
    MarginCommand,
    PositionKey,
    StopsCommand,
    TriggerCommand,
)
from touchline.store.position_hashes import FIELDS, position_hash
from touchline.store.pubsub import Broadcasts, PortfolioPublished

from tests.fakes.exchange import ANN, ARS, BOB, EVE, LEASE, OWNER, Exchange
from tests.fakes.positions import LONG


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Iterator[Exchange]:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    yield exchange
    exchange.prove()


class Owner:
    """Ann, who listens to what her portfolio is told."""

    def __init__(self, client: redis_module.Redis) -> None:
        self._broadcasts = Broadcasts(client)
        self._broadcasts.open()
        self._broadcasts.follow(ANN)
        self._messages = self._broadcasts.messages()
        next(self._messages)

    def hears(self) -> Push:
        """The next push."""
        for message in self._messages:
            if isinstance(message, PortfolioPublished):
                assert isinstance(message.event, PortfolioEvent)
                return message.event.push
        raise AssertionError("the link has ended")


def key(position_id: str) -> PositionKey:
    return PositionKey(position_id, ANN, ARS)


def move(exchange: Exchange, index_px: int) -> str:
    """The feed moves ARS to *index_px*; the id of the tick that says so."""
    change = IndexChange(idx=ARS, now_ms=3_000, offset_bps=(index_px - 1_000_000) // 100)
    outcome = exchange.scripts.index_apply(change, LEASE, OWNER)
    assert not hasattr(outcome, "code")
    return outcome.tick_id  # type: ignore[union-attr]


def test_every_event_of_a_position_is_pushed_as_it_is_answered(
    exchange: Exchange, redis: redis_module.Redis
) -> None:
    owner = Owner(redis)
    opened = exchange.open(Direction.LONG, 10_000)
    where = key(opened.event.position.id)
    commands = [
        StopsCommand("e2", where, 1, 960_000, "=", "=", 2_100),
        MarginCommand("e3", where, 1_000_000, "k3", "fp", 2_200),
        CloseCommand("e4", where, 4_000, None, 3, "k4", "fp", 2_300),
    ]

    outcomes = [opened, *map(exchange.run, commands)]
    tick = move(exchange, 950_000)
    outcomes.append(
        exchange.run(TriggerCommand("e5", where, tick, By.STOP_WATCHER, False, None, 3_100))
    )

    heard = [owner.hears() for _ in outcomes]
    assert heard == [PositionPush(each.event, "ARS") for each in outcomes]
    assert outcomes[-1].event.reason is CloseReason.STOP_LOSS


def test_a_margin_call_is_pushed_with_the_position(
    exchange: Exchange, redis: redis_module.Redis
) -> None:
    owner = Owner(redis)
    position = exchange.open(Direction.LONG, 10_000).event.position
    owner.hears()
    tick = move(exchange, 920_000)
    follow = FollowCommand(key(position.id), 1, tick, position.checked_seq + 1, None, True)

    script("position_follow").run(exchange.client, *follow_call(exchange.keys, follow))

    assert owner.hears() == MarginCallPush(exchange.position(position.id), "ARS")


def test_a_portfolio_has_the_open_positions_newest_first_at_the_prices_of_their_clubs(
    exchange: Exchange,
) -> None:
    exchange.order(Side.BUY, 1_000)
    first = exchange.open(Direction.LONG, 10_000, stops=Stops(960_000, 1_060_000, 20_000))
    second = exchange.open(Direction.SHORT, 2_000, idx=EVE, now_ms=2_500)
    gone = exchange.open(Direction.LONG, 1_000, now_ms=2_600).event.position
    exchange.run(CloseCommand("e", key(gone.id), None, None, None, "k", "fp", 2_700))

    portfolio = exchange.hot.portfolio(ANN)

    held = portfolio.positions
    assert [each.position for each in held] == [
        exchange.position(each.event.position.id) for each in (second, first)
    ]
    ars, eve = exchange.hot.instrument(ARS), exchange.hot.instrument(EVE)
    assert ars is not None
    assert eve is not None
    assert [(each.symbol, each.bid_px, each.ask_px, each.mark_px) for each in held] == [
        ("EVE", eve.bid_px, eve.ask_px, eve.mark_px),
        ("ARS", ars.bid_px, ars.ask_px, ars.mark_px),
    ]
    assert portfolio.wallet.locked_e4 == sum(each.position.margin_e4 for each in held)
    assert (portfolio.seq, [line.idx for line in portfolio.lines]) == (6, [ARS])


def test_positions_are_read_by_owner_and_by_id(exchange: Exchange) -> None:
    position = exchange.open(Direction.LONG, 10_000).event.position

    assert exchange.hot.positions(ANN) == (position,)
    assert exchange.hot.position(position.id) == position
    assert exchange.hot.positions(BOB) == ()
    assert exchange.hot.position("nobody's") is None


def test_a_close_that_is_not_in_postgres_yet_is_found_once_nothing_is_left_open(
    exchange: Exchange,
) -> None:
    position = exchange.open(Direction.LONG, 10_000).event.position
    other = exchange.open(Direction.LONG, 1_000).event.position
    where = key(position.id)
    exchange.run(CloseCommand("e2", where, 4_000, None, None, "k2", "fp", 2_100))
    part = exchange.hot.close_of(position.id)

    whole = exchange.run(CloseCommand("e3", where, None, None, None, "k3", "fp", 2_200))

    assert part is None
    assert exchange.hot.close_of(position.id) == whole.event
    assert exchange.hot.close_of(other.id) is None


def test_the_fields_of_a_position_are_those_of_its_hash() -> None:
    assert tuple(position_hash(LONG)) == FIELDS


def test_a_position_in_a_club_of_many_digits_is_valued(exchange: Exchange) -> None:
    club = replace(exchange.hot.instrument(ARS), depth=100_000_000)  # type: ignore[type-var]
    exchange.client.hset(exchange.keys.inst(ARS), mapping=instrument_hash(club))  # type: ignore[arg-type]
    outcome = exchange.open(Direction.LONG, 50_000, leverage=1)

    assert isinstance(outcome, Happened)
    assert exchange.hot.portfolio(UserId(ANN)).equity_e4 < 100_000_000
