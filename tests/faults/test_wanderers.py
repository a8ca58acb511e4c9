"""Users who come and go between ws-servers, while these, api-servers and Redis fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import gevent
import pytest

from .days import IDLE
from .market import LISTENER, SWEEPER, WATCHER, Market, open_market
from .person import Person
from .presences import Presence, closed_by, comes, untold
from .servers import VALKEY
from .waiting import KILL_S

SCHEDULER = "sportmonks-scheduler"
STOP = {"price": "97.00"}
BREACH = (-500, 0)  #: the price is there, and back again


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """An exchange with three ws-servers."""
    with open_market(tmp_path_factory.mktemp("wanderers"), ws_servers=3) as running:
        yield running


@pytest.mark.long
def test_who_comes_and_goes_while_all_kinds_of_servers_fail_is_told_of_every_absence(
    market: Market, presence: Presence
) -> None:
    exchange, club = market.exchange, market.clubs[IDLE[0]]
    people = [market.person(name) for name in ("abe", "bea", "cyd", "dov")]
    for person in people:  # who has nothing open is told of nothing
        person.opens(market.clubs[IDLE[1]])
    followers = [comes(market, person, market.hubs[0]) for person in people]
    wandering = [gevent.spawn(follower.wander, market.hubs) for follower in followers]
    stopped: dict[str, Person] = {}

    def stops_are_met() -> None:
        stopped.update((person.opens(club, stop_loss=STOP), person) for person in people)
        market.index.move(club, *BREACH)

    def all_goes_on() -> None:
        exchange.wait(exchange.is_ready)
        exchange.wait(lambda: exchange.holder(SCHEDULER))

    with market.idle(WATCHER, SWEEPER), exchange.fault():
        stops_are_met()
        mortal, frozen, steady = market.hubs
        mortal.die()
        frozen.pause()
        stops_are_met()
        presence.becomes(presence.name(steady))  # the others count as dead
        mortal.start_again()
        frozen.go_on()
        all_goes_on()
        stops_are_met()
        market.replicas[1].die()
        steady.pause()
        stops_are_met()
        exchange.servers.kill(VALKEY)
        exchange.servers.mend()
        steady.go_on()
        market.replicas[1].start_again()
        all_goes_on()
        stops_are_met()
        exchange.wait(lambda: all(who.is_closed(position) for position, who in stopped.items()))
    gevent.killall(wandering, timeout=KILL_S)
    for follower in followers:
        follower.leave()
        follower.come_back(market.hubs)
    exchange.wait(presence.is_settled)
    exchange.wait(lambda: all(f.seq == presence.pushes(f.person) for f in followers))

    for follower in followers:
        assert len(follower.windows) > 1
        assert untold(follower) == []
        assert follower.gaps == []
        assert presence.last_seen(follower.person) is None
        assert len(presence.where(follower.person)) == 1
    told = Counter(closed_by(followers))
    assert set(told.values()) == {1}
    closed = {position: who.position(position)["close"] for position, who in stopped.items()}
    assert {closed[position]["by"] for position in told} == {LISTENER}
    for follower in followers:
        follower.leave()
