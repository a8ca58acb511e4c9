"""Whoever has looked at a tick, and was frozen while Redis lost it and was put back, notes nothing.

Its number is given again, to another price. Noted as looked at, that one would close nobody.
"""

import pytest
import redis as redis_module
from touchline.domain.position_events import By
from touchline.domain.positions import CloseReason
from touchline.domain.scanning import Cursor
from touchline.store.watch import Due, Passed, Watch

from tests.fakes.exchange import ARS, Exchange
from tests.fakes.failing import Meanwhile
from tests.fakes.snapshots import put, take
from tests.fakes.stops import WATCHER, Pit

pytestmark = pytest.mark.external


@pytest.fixture
def pit(redis: redis_module.Redis) -> Pit:
    exchange = Exchange(redis)
    exchange.list()
    return Pit(exchange)


def test_a_position_is_not_noted_as_checked_at_a_lost_tick(pit: Pit) -> None:
    position = pit.long()
    before = take(pit.exchange.client)
    pit.price(-800)  # a margin call, which has to be noted

    def another_price_has_its_number() -> None:
        put(pit.exchange.client, before)
        pit.price(-2_500)

    scripts = Meanwhile(pit.exchange.scripts, "position_follow", another_price_has_its_number)
    pit.new_scanner(scripts=scripts).scan({ARS: [position]}, By.BACKSTOP_SWEEPER)
    pit.price(0)
    pit.scanner.scan({ARS: [position]}, By.BACKSTOP_SWEEPER)

    assert pit.exchange.position(position).reason is CloseReason.LIQUIDATION


def test_the_watch_does_not_pass_a_lost_tick(pit: Pit) -> None:
    position = pit.long()
    watch = Watch(pit.exchange.client, pit.exchange.keys)
    assert isinstance(watch.look({ARS: None}, WATCHER, 1)[ARS], Passed)
    before = take(pit.exchange.client)
    lost = pit.price(-800)
    put(pit.exchange.client, before)
    tick = pit.price(-2_500)
    pit.price(0)

    look = watch.look({ARS: Cursor(lost.tick_id, lost.seq)}, WATCHER, 1)[ARS]

    assert tick.seq == lost.seq
    assert isinstance(look, Due)
    assert look.positions == (position,)
    # Whoever is asked to deal with it does so from the last tick there was.
    assert pit.exchange.client.hget(pit.exchange.keys.watch(ARS), "s") == str(lost.seq - 1)
