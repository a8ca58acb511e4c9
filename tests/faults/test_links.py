"""The network between services and servers fails in every way a network has."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .linked import Linked
from .proxy import Proxy
from .servers import POSTGRESQL, VALKEY

pytestmark = pytest.mark.long

GLITCH_S = 3.0
BROKEN_S = 9.0  #: longer than anybody waits for an answer of Redis, and than a lease lives
LATENCY_S = 0.05  #: each way: of an exchange whose servers are on another continent


@pytest.mark.parametrize(
    ("servers", "strike"),
    [
        pytest.param([VALKEY], Proxy.black_hole, id="black hole before Valkey"),
        pytest.param([POSTGRESQL], Proxy.black_hole, id="black hole before PostgreSQL"),
        pytest.param([VALKEY, POSTGRESQL], Proxy.refuse, id="both refuse"),
    ],
)
def test_servers_that_cannot_be_reached_are_waited_out(
    linked: Linked, servers: list[str], strike: Callable[[Proxy], None]
) -> None:
    exchange = linked.exchange
    with linked.fault() as seen:
        for server in servers:
            for proxy in linked.links.to(server):
                strike(proxy)
        exchange.goes_on_for(BROKEN_S)
        exchange.durable_trades_are_there()
        felt = linked.put_off() if VALKEY in servers else linked.only_in_redis()
        linked.links.heal()
        exchange.recovers()

    assert felt > 0
    seen.waited_out()
    exchange.has_every_trade_once()


@pytest.mark.parametrize("server", [VALKEY, POSTGRESQL])
@pytest.mark.parametrize(
    "strike", [Proxy.lose_servers, Proxy.lose_clients], ids=lambda strike: strike.__name__
)
def test_links_that_are_half_open_are_replaced(
    linked: Linked, server: str, strike: Callable[[Proxy], None]
) -> None:
    exchange = linked.exchange
    with linked.fault() as seen:
        for proxy in linked.links.to(server):
            strike(proxy)
        exchange.goes_on_for(BROKEN_S)
        exchange.recovers()  # as it is: nothing but a new connection helps

    seen.waited_out()
    exchange.has_every_trade_once()


def test_links_that_are_cut_again_and_again_double_nothing(linked: Linked) -> None:
    exchange, cuts = linked.exchange, 20
    with linked.fault() as seen:
        for turn in range(cuts):
            for proxy in linked.links.to([VALKEY, POSTGRESQL][turn % 2]):
                proxy.cut()
            exchange.goes_on_for(GLITCH_S / cuts)
        exchange.recovers()

    seen.waited_out()
    exchange.has_every_trade_once()


def test_servers_that_are_far_away_are_only_slow(linked: Linked) -> None:
    exchange = linked.exchange
    with linked.fault() as seen:
        for server in (VALKEY, POSTGRESQL):
            for proxy in linked.links.to(server):
                proxy.delay_s = LATENCY_S
        exchange.goes_on_for(GLITCH_S)
        exchange.wait(exchange.is_ready)
        put_off = linked.put_off()
        linked.links.heal()
        exchange.recovers()

    assert put_off == 0
    seen.waited_out()
    exchange.has_every_trade_once()
