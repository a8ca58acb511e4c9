"""Every tick over real sockets: all of them and in order, or a word about it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis as redis_module
from touchline.domain.trading import Side

from tests.fakes.client_frames import TEXT, client_frame
from tests.fakes.exchange import ANN, EVE, Exchange
from tests.fakes.hub import RunningHub, Session
from tests.fakes.peer import Peer

ORDERS = 200  #: so many that a few come within every flush


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Exchange:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    return exchange


@pytest.fixture
def hub(redis: redis_module.Redis, exchange: Exchange) -> Iterator[RunningHub]:
    with RunningHub(redis) as hub:
        yield hub


def trade(exchange: Exchange, orders: int) -> None:
    """So many ticks of both clubs."""
    for n in range(orders):
        side = Side.BUY if n < orders // 2 else Side.SELL
        exchange.scripts.execute([exchange.command(side, 1), exchange.command(side, 1, idx=EVE)])


def seqs(session: Session, channel: str, until: int) -> list[int]:
    """The numbers of what comes of *channel*, up to *until*."""
    found: list[int] = []
    while not found or found[-1] < until:
        message = session.next()
        if message["channel"] == channel:
            found.append(message["seq"])
    return found


def test_every_tick_comes_in_order_and_who_does_not_ask_gets_the_newest(hub, exchange):
    with hub.connect(5) as ann, hub.connect(6) as bob, hub.connect(7) as cid:
        ann.ask("subscribe", channels=["price:1"], conflated=False)
        bob.ask("subscribe", channels=["price:*"], conflated=False)
        cid.ask("subscribe", channels=["price:1"])

        trade(exchange, ORDERS)

        every_one = list(range(ORDERS + 1))
        assert seqs(ann, "price:1", ORDERS) == every_one
        assert seqs(bob, "price:1", ORDERS) == every_one
        conflated = seqs(cid, "price:1", ORDERS)
        assert conflated == sorted(set(conflated))
        assert len(conflated) < len(every_one)


def test_whoever_comes_in_the_middle_counts_on_from_the_snapshot(hub, exchange):
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["price:1"], conflated=False)
        known = ann.next()["seq"]
        for _ in range(5):
            trade(exchange, 10)
            with hub.connect(5) as phone:
                phone.ask("subscribe", channels=["price:1"], conflated=False)
                trade(exchange, 10)
                last = exchange.hot.instruments()[0].seq
                late = seqs(phone, "price:1", last)
            assert late == list(range(late[0], last + 1))
            assert seqs(ann, "price:1", last) == list(range(known + 1, last + 1))
            known = last


def test_ticks_that_the_server_missed_are_told_of_and_closed_by_a_snapshot(hub, exchange, redis):
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["price:1"], conflated=False)
        assert ann.next()["seq"] == 0

        redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        exchange.order(Side.BUY, 1_000)

        gap, snapshot = ann.next(), ann.next()
        assert gap == {"op": "resync", "channel": "price:1", "reason": "GAP"}
        assert (snapshot["op"], snapshot["seq"]) == ("snapshot", 1)
        exchange.order(Side.BUY, 1_000)
        assert (ann.next()["op"], exchange.hot.instruments()[0].seq) == ("update", 2)


def test_whoever_resumes_is_told_where_it_goes_on(hub, exchange):
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["price:1"], conflated=False)
        known = ann.next()
    trade(exchange, 4)
    with hub.connect(5) as phone:
        phone.ask("subscribe", channels=["price:1"])
        seqs(phone, "price:1", 4)  # this shard has heard of all four

    with hub.connect(5) as ann:
        resumed = {"epoch": known["epoch"], "price": {"1": known["seq"]}, "conflated": False}
        ann.ask("resume", **resumed)
        snapshot = ann.next()
        assert (snapshot["op"], snapshot["seq"]) == ("snapshot", 4)
        trade(exchange, 2)
        assert [ann.next()["seq"] for _ in range(2)] == [5, 6]


def test_a_client_too_slow_for_every_tick_is_closed_and_loses_none_before(hub, exchange):
    """Nothing is left out for it; what the kernel took of a sleeper's ticks has no gap."""
    sleeper = Peer.of(hub.port, hub.token(6), window=4096)
    request = {"op": "subscribe", "id": 1, "channels": ["price:1"], "conflated": False}
    sleeper.say(client_frame(TEXT, json.dumps(request).encode()))
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["price:1"], conflated=False)
        shard = hub.lobby.rosters[hub.lobby.shard_of(6)]
        orders, found = 0, [ann.next()["seq"]]
        while not shard.departures:
            trade(exchange, 20)
            orders += 20
            found += seqs(ann, "price:1", orders)
            assert orders < 10_000
        assert dict(shard.departures) == {"4408": 1}
        assert found == list(range(orders + 1))

    heard = sleeper.rest()
    numbers = [int(each.split(b",")[0]) for each in heard.split(b'"seq":')[1:]]
    assert numbers == list(range(len(numbers)))
    assert b'"resync"' not in heard
    assert numbers
