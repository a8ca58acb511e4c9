"""When owners are told to wait for a scan: quiet() of lua/breaches.lua by hand."""

from typing import Any

import pytest
from touchline.domain.halts import Halt
from touchline.domain.positions import Direction, Position, Stops
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange
from touchline.store.position_commands import CloseCommand, Happened, PositionKey

from tests.fakes.exchange import ANN, ARS, LEASE, OWNER, Exchange

pytestmark = pytest.mark.external

TAIL = 1_000  #: as many ticks a script looks at by itself, less one


def long_of(exchange: Exchange) -> Position:
    exchange.fund(ANN)
    opened = exchange.open(Direction.LONG, 1_000, stops=Stops(980_000, 1_030_000))
    position: Position = opened.event.position
    return position


def feed(exchange: Exchange, offset_bps: int, halt: int = 0, heartbeat: bool = True) -> None:
    change = IndexChange(
        idx=ARS, now_ms=3_000, offset_bps=offset_bps, halt=Halt(halt), heartbeat=heartbeat
    )
    exchange.scripts.index_apply(change, LEASE, OWNER)


def close(exchange: Exchange, position: Position) -> Any:
    where = PositionKey(position.id, ANN, ARS)
    key = exchange.new_id()
    return exchange.run(CloseCommand(key, where, None, None, None, key, "fp", 4_000))


SCAN = Refused(Refusal.SCAN_FIRST)


@pytest.mark.parametrize("offset_bps", [-300, 400])
def test_a_price_that_came_and_went_is_scanned_first(exchange: Exchange, offset_bps: int) -> None:
    position = long_of(exchange)
    feed(exchange, offset_bps)
    feed(exchange, 0)

    outcome = close(exchange, position)

    assert outcome == SCAN


def test_a_price_during_a_halt_is_nothing_to_scan(exchange: Exchange) -> None:
    position = long_of(exchange)
    feed(exchange, -300, Halt.EVENT)
    feed(exchange, 0)

    outcome = close(exchange, position)

    assert isinstance(outcome, Happened)


def test_what_the_watch_has_passed_is_not_scanned_again(exchange: Exchange) -> None:
    position = long_of(exchange)
    feed(exchange, -300)
    feed(exchange, 0)
    club = exchange.hot.instrument(ARS)
    assert club is not None
    watch = {"id": club.last_tick_id, "s": club.seq}
    exchange.client.hset(exchange.keys.watch(ARS), mapping=watch)

    outcome = close(exchange, position)

    assert isinstance(outcome, Happened)


def test_a_gap_in_the_ticks_is_scanned_first(exchange: Exchange) -> None:
    position = long_of(exchange)
    feed(exchange, 0)
    feed(exchange, 0)
    (first, _), _ = exchange.client.xrange(exchange.keys.ticks(ARS), "(2000-0")
    exchange.client.xdel(exchange.keys.ticks(ARS), first)

    outcome = close(exchange, position)

    assert outcome == SCAN


@pytest.mark.parametrize(("ticks", "quiet"), [(TAIL - 1, True), (TAIL, False)])
def test_more_ticks_than_a_script_should_read_are_the_scanners(
    exchange: Exchange, ticks: int, quiet: bool
) -> None:
    position = long_of(exchange)
    changes = [IndexChange(idx=ARS, now_ms=3_000, heartbeat=True)] * ticks
    exchange.scripts.index_apply_all(changes, LEASE, OWNER)

    outcome = close(exchange, position)

    assert isinstance(outcome, Happened) if quiet else outcome == SCAN
