"""Compression over real sockets, with a client library that knows nothing of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.trading import Side
from touchline.http.extensions import AGREED
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.fakes.exchange import ANN, EVE, Exchange
from tests.fakes.hub import RunningHub, Session


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Exchange:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    return exchange


@pytest.fixture
def hub(redis: redis_module.Redis, exchange: Exchange) -> Iterator[RunningHub]:
    with RunningHub(redis, deflate=True) as hub:
        yield hub


def extensions(session: Session) -> str | None:
    response = session.socket.response
    assert response is not None
    return response.headers.get("Sec-WebSocket-Extensions")


def test_compressed_or_not_everybody_gets_the_same_messages(hub, exchange):
    channels = ["price:1", "price:2", "portfolio"]
    with hub.connect(5) as ann, hub.connect(5, compression=None) as plain:
        assert (extensions(ann) or "").startswith(AGREED)
        assert extensions(plain) is None
        shown = []
        for session in (ann, plain):
            assert session.ask("subscribe", channels=channels, conflated=False)["ok"]
            shown.append([session.next() for _ in channels])
        assert shown[0] == shown[1]

        for _ in range(10):
            exchange.order(Side.BUY, 1_000)
            exchange.order(Side.BUY, 1_000, idx=EVE)

        told = [[session.next() for _ in range(40)] for session in (ann, plain)]
        by_channel = [
            {name: [each for each in messages if each["channel"] == name] for name in channels}
            for messages in told
        ]
        assert by_channel[0] == by_channel[1]
        assert [len(found) for found in by_channel[0].values()] == [10, 10, 20]


def test_less_is_sent_to_who_agrees(hub, exchange):
    sent: dict[Any, int] = {}
    for compression in ("deflate", None):
        before = hub.lobby.traffic.bytes
        with hub.connect(5, compression=compression) as ann:
            ann.ask("subscribe", channels=["price:*", "portfolio"])
            for _ in range(3):
                ann.next()
            sent[compression] = hub.lobby.traffic.bytes - before

    assert sent["deflate"] < 0.8 * sent[None]


def test_prices_that_are_conflated_are_compressed_too(hub, exchange):
    sent: dict[Any, int] = {}
    for compression in ("deflate", None):
        with hub.connect(5, compression=compression) as ann:
            ann.ask("subscribe", channels=["price:1"])
            ann.next()
            before = hub.lobby.traffic.bytes
            exchange.order(Side.BUY, 1_000)
            assert ann.next()["op"] == "update"
            sent[compression] = hub.lobby.traffic.bytes - before

    assert sent["deflate"] < 0.8 * sent[None]


def test_a_bomb_is_answered_with_1009_and_harms_nobody(hub, exchange):
    with hub.connect(5) as ann, hub.connect(6) as bob:
        ann.socket.send(" " * 2_000_000)  # 2 KB on the wire

        with pytest.raises(ConnectionClosed) as closed:
            ann.next()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1009, "message too big")
        assert bob.ask("ping")["op"] == "pong"


def test_a_client_with_a_small_window_is_served_within_it(hub):
    """The library sets its inflater up with the window that is agreed on."""
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

    factory = ClientPerMessageDeflateFactory(server_max_window_bits=12, client_max_window_bits=9)
    with connect(hub.url(), extensions=[factory], compression=None) as socket:
        session = Session(socket)
        assert session.next()["op"] == "welcome"
        assert "server_max_window_bits=12" in (extensions(session) or "")
        assert session.ask("subscribe", channels=["price:*", "portfolio"])["ok"]
        assert {session.next()["op"] for _ in range(3)} == {"snapshot"}


def test_where_it_is_off_nobody_is_answered(redis, exchange):
    with RunningHub(redis) as hub, hub.connect() as ann:
        assert extensions(ann) is None
        assert ann.ask("ping")["op"] == "pong"
        ann.socket.send(json.dumps({"op": "ping", "id": 7}))
        assert ann.next()["id"] == 7
