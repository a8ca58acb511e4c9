"""A service stands still for longer than its leases, as in a paused container, and goes on."""

from __future__ import annotations

import pytest

from .exchange import Exchange

STOPPED_S = 9.0  #: a lease lives for 6 s


@pytest.mark.parametrize("duty", ["sportmonks-scheduler", "flusher"])
def test_a_leader_that_stands_still_is_replaced_and_does_not_lead_when_it_goes_on(
    exchange: Exchange, duty: str
) -> None:
    exchange.wait(lambda: exchange.holder(duty))
    leader = exchange.holder(duty)
    assert leader is not None

    with exchange.fault() as seen:
        leader.pause()
        exchange.goes_on_for(STOPPED_S)
        exchange.wait(lambda: exchange.holder(duty))
        successor = exchange.holder(duty)
        leader.go_on()
        exchange.recovers()

    assert successor is not None
    assert successor.detail(duty)["lease"]
    assert not leader.detail(duty)["lease"]
    seen.waited_out()
    exchange.has_every_trade_once()
