"""Three ws-servers, killed and frozen: who was away is told of it, and nobody else looks away."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import gevent
import pytest
from touchline.actors.hub.close_codes import GOING_AWAY
from touchline.actors.hub.usher import RETRY_MS

from .days import IDLE
from .follower import Follower
from .market import LISTENER, SWEEPER, WATCHER, Market, open_market
from .person import Person
from .presences import Presence, closed_by, comes, from_ms, now_ms, untold
from .waiting import KILL_S

STOP = {"price": "97.00"}
BREACH = (-500, 0)  #: the price is there, and back again
BETWEEN_S = 0.1  #: of one person's orders


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """An exchange with three ws-servers."""
    with open_market(tmp_path_factory.mktemp("presence"), ws_servers=3) as running:
        yield running


def buys(person: Person, club: int) -> None:
    """*person* buys a little, again and again."""
    for number in count():
        body = {"instrument": club, "side": "buy", "quantity": "0.010"}
        said = person.ask("POST", "/v1/orders", body, Idempotency_Key=f"{person.id}-{number}")
        assert said.status == 201, said
        gevent.sleep(BETWEEN_S)


def test_of_three_servers_one_is_killed_and_one_stands_still_until_it_counts_as_dead(
    market: Market, presence: Presence
) -> None:
    exchange, club = market.exchange, market.clubs[IDLE[0]]
    mortal, steady, frozen = market.hubs
    names = [presence.name(server) for server in market.hubs]
    people = [market.person(each) for each in ("ann", "bob", "cat", "dan", "eve", "fay")]
    ann, bob, cat, dan, eve, fay = people
    stopped = {each: each.opens(club, stop_loss=STOP) for each in (ann, bob)}
    calm = {each: each.opens(club) for each in (cat, dan, eve, fay)}
    places = {ann: mortal, bob: mortal, cat: mortal, dan: frozen, eve: frozen, fay: steady}
    first = {person: comes(market, person, server) for person, server in places.items()}
    beside = Follower(cat, steady)

    with market.idle(WATCHER, SWEEPER), exchange.fault(), presence.never_without(cat, fay):
        mortal.die()
        frozen.pause()
        told = dict(zip(("mortal", "frozen"), map(presence.told_ms, names[::2]), strict=True))
        tick, _ = market.index.move(club, *BREACH)
        back = Follower(ann, steady)  # its old place is not known to be dead yet
        first[eve].leave()  # which its server cannot notice
        moved = Follower(eve, steady)
        presence.becomes(names[1])

        exchange.wait(lambda: back.told("replay") and moved.told("replay"))
        assert from_ms(back.told("replay")[0]) == told["mortal"]
        assert from_ms(moved.told("replay")[0]) == told["frozen"]
        assert [presence.where(each) for each in (bob, dan)] == [set(), set()]
        assert presence.last_seen(bob) == told["mortal"]
        assert presence.last_seen(dan) == told["frozen"]
        assert not bob.is_closed(stopped[bob])

        frozen.go_on()
        mortal.start_again()
        exchange.wait(exchange.is_ready)
        exchange.wait(lambda: len(first[dan].told("replay")) == 2)
        later = comes(market, bob, mortal)
    exchange.wait(presence.is_settled)

    assert from_ms(first[dan].told("replay")[1]) == told["frozen"]
    assert first[dan].closed == []
    assert from_ms(later.told("replay")[0]) == told["mortal"]
    assert len(first[fay].told("replay")) == 1
    anew = presence.name(mortal)
    assert anew != names[0]
    assert {each.id: presence.where(each) for each in people} == {
        ann.id: {names[1]},
        bob.id: {anew},
        cat.id: {names[1]},
        dan.id: {names[2]},
        eve.id: {names[1]},
        fay.id: {names[1]},
    }
    assert [presence.last_seen(each) for each in people] == [None] * len(people)
    for person, follower in ((ann, back), (bob, later)):
        close = person.position(stopped[person])["close"]
        assert (close["by"], close["trigger"]["tick"]) == (LISTENER, tick.tick_id)
        assert closed_by([first[person], follower]) == [stopped[person]]
        # Whoever is shown the portfolio only after the close is not told of it as something new.
        shown = stopped[person] in follower.found
        assert len(follower.told("position_closed")) == shown
        assert market.events(stopped[person]) == ["open", "close"]
    assert not any(each.is_closed(position) for each, position in calm.items())
    for follower in (*first.values(), beside, back, moved, later):
        assert follower.gaps == []
        follower.leave()


@pytest.mark.long
def test_of_three_servers_two_are_killed_and_all_clients_come_to_the_third(
    market: Market, presence: Presence
) -> None:
    exchange, club = market.exchange, market.clubs[IDLE[1]]
    mortals, steady = market.hubs[::2], market.hubs[1]
    people = [market.person(each) for each in ("gus", "hal", "ida")]
    gus, hal, ida = people
    stopped = {each: each.opens(club, stop_loss=STOP) for each in people}
    for each in people:  # who has nothing open is told of nothing
        each.opens(club)
    first = {
        person: comes(market, person, server)
        for person, server in zip(people, (mortals[0], steady, mortals[1]), strict=True)
    }
    names = [presence.name(server) for server in mortals]
    steady_name = presence.name(steady)

    before_ms = now_ms()
    first[hal].leave()
    exchange.wait(lambda: presence.last_seen(hal))
    after_ms = now_ms()
    with exchange.fault():
        for server in mortals:
            server.die()
        since = {gus: presence.told_ms(names[0]), ida: presence.told_ms(names[1])}
        since[hal] = presence.last_seen(hal) or 0
        market.index.move(club, *BREACH)
        exchange.wait(lambda: all(each.is_closed(stopped[each]) for each in people))
        then = {person: Follower(person, steady) for person in people}
        presence.becomes(steady_name)
        exchange.wait(lambda: all(each.told("replay") for each in then.values()))
        for server in mortals:
            server.start_again()
        exchange.wait(exchange.is_ready)
    exchange.wait(presence.is_settled)

    assert before_ms <= since[hal] <= after_ms
    assert [presence.where(each) for each in people] == [{steady_name}] * 3
    assert [presence.last_seen(each) for each in people] == [None] * 3
    for person, follower in then.items():
        assert from_ms(follower.told("replay")[0]) == since[person]
        # Closed by whoever watches while the person was away: the snapshot is without it.
        assert person.position(stopped[person])["close"]["by"] == WATCHER
        assert stopped[person] not in follower.positions
        assert (closed_by([follower]), follower.told("position_closed")) == ([], [])
        assert follower.gaps == []
        follower.leave()


def test_while_all_servers_are_replaced_in_turn_clients_that_resume_miss_nothing(
    market: Market, presence: Presence
) -> None:
    exchange, club = market.exchange, market.clubs[IDLE[0]]
    people = [market.person(each) for each in ("kim", "lea", "max", "nic", "ola", "pia")]
    for person in people:
        person.opens(club)
    places = zip(people, market.hubs * 2, strict=True)
    followers = [comes(market, person, server) for person, server in places]
    staying = [gevent.spawn(follower.stay, market.hubs) for follower in followers]
    buying = [gevent.spawn(buys, person, club) for person in people]

    for server in market.hubs:
        assert server.replace({}) == 0
        exchange.wait(server.is_ready)
        exchange.wait(lambda: all(each.is_connected for each in followers))
    gevent.killall(buying, timeout=KILL_S)
    exchange.wait(presence.is_settled)
    exchange.wait(lambda: all(each.seq == presence.pushes(each.person) for each in followers))
    gevent.killall(staying, timeout=KILL_S)

    closes = [close for follower in followers for close in follower.closed]
    hints = [int(reason.removeprefix("retry_ms=")) for _, reason in closes]
    assert {code for code, _ in closes} == {GOING_AWAY}
    assert len(closes) >= len(followers)
    assert len(set(hints)) > 1
    assert all(RETRY_MS[0] <= hint <= RETRY_MS[1] for hint in hints)
    assert [follower.gaps for follower in followers] == [[]] * len(followers)
    for follower in followers:
        exchange.wait(lambda follower=follower: follower.prices == market.numbers())
        assert untold(follower) == []
        follower.leave()
