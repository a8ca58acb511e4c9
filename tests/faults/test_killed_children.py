"""Every child of every service dies once while the exchange trades and pushes."""

from __future__ import annotations

from .exchange import Exchange
from .process import ChildPath
from .turns import Turns

EXIT_CODE = 70  #: of a process whose root ended
DEATH = ("child crashed", "child restarted")  #: what the log has of it, in this order


def test_every_child_that_is_killed_is_restarted_alone_while_trades_and_pushes_go_on(
    exchange: Exchange,
) -> None:
    services = {name: exchange.services[name] for name in ("api-server", "ws-server", "flusher")}
    with exchange.fault() as all_the_while:
        for service, path in Turns(services):
            kill_and_look(exchange, service, path)

    assert all_the_while.ended() == []
    exchange.has_every_trade_once()


def kill_and_look(exchange: Exchange, service: str, path: ChildPath) -> None:
    with exchange.fault() as seen:
        exchange.services[service].kill(path[-1])
        exchange.wait(lambda: seen.is_back(service, path))
        exchange.recovers()

    died = [(line["event"], line["child"]) for _, line in seen.lines() if line["event"] in DEATH]
    assert seen.restarted() == {(service, path): 1}
    assert died == [(event, path[-1]) for event in DEATH]
    assert seen.hung_up() == 0


def test_a_process_whose_root_dies_ends_and_its_successor_goes_on(exchange: Exchange) -> None:
    services = [exchange.services[name] for name in ("api-server", "ws-server", "flusher")]

    for service in services:
        service.kill("root")
    codes = [service.wait() for service in services]
    for service in services:
        service.start_again()
    exchange.recovers()

    assert codes == [EXIT_CODE] * 3
    exchange.has_every_trade_once()
