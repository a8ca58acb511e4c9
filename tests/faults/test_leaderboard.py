"""The leaderboard on running services: two people trade, and one of them watches the board."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from touchline.domain.money import format_e4
from websockets.sync.client import ClientConnection, connect

from .days import IDLE
from .market import Market, open_market
from .person import Person

CHANNEL = "leaderboard:week"
DUTY = "leaderboard"
UPDATE_S = 60.0  #: two boards are 15 s apart, a takeover takes 8 s; the rest is for a busy machine
START_E4 = 100_000_000


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """An exchange that nobody else trades on."""
    with open_market(tmp_path_factory.mktemp("leaderboard")) as running:
        yield running


def test_who_trades_is_ranked_and_so_they_are_when_the_one_who_ranks_dies(market: Market) -> None:
    exchange = market.exchange
    leader = exchange.wait(lambda: exchange.holder(DUTY))
    other = next(each for each in market.replicas if each is not leader)
    ann, bob = (market.person(name, of=other) for name in ("anna", "bert"))
    club = market.clubs[IDLE[0]]
    with connect(bob.ticket(), max_queue=None) as socket:
        socket.send(json.dumps({"op": "subscribe", "id": 1, "channels": [CHANNEL]}))
        for _ in range(3):
            ann.opens(club)
        alone = board_of(socket, ann)

        leader.die()
        for _ in range(3):
            bob.opens(club)
        both = board_of(socket, ann, bob)
        leader.start_again()
        exchange.recovers()

    assert list(alone) == [ann.id]
    assert both == dict(sorted(both.items(), key=lambda each: -float(each[1])))
    assert both == {each.id: gain(each) for each in (ann, bob)}


def board_of(socket: ClientConnection, *people: Person) -> dict[int, str]:
    """Scores in the order of the places, once these people and nobody else are shown."""
    while True:
        frame: Any = json.loads(socket.recv(UPDATE_S))
        if frame.get("channel") == CHANNEL:
            ranks = frame["data"]["ranks"]
            if {each["user_id"] for each in ranks} == {each.id for each in people}:
                return {each["user_id"]: each["score"] for each in ranks}


def gain(person: Person) -> str:
    """What trading has made of the start balance, with longs of one share at the mark."""
    portfolio = person.ask("GET", "/v1/portfolio").body
    equity_e4 = e4(portfolio["account"]["cash"])
    for long in portfolio["positions"]:
        equity_e4 += e4(long["margin"]) + e4(long["mark"]) - e4(long["open_value"])
    return format_e4(equity_e4 - START_E4)


def e4(amount: str) -> int:
    return round(float(amount) * 10_000)
