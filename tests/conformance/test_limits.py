"""What a ws-server allows on top of the protocol, and the code it really sends for more."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis as redis_module
from touchline.actors.hub.frames import Limits
from touchline.domain.trading import Side

from tests.fakes.client_frames import BINARY, CLOSE, MASK, PING, PONG, TEXT, client_frame
from tests.fakes.exchange import ANN, BOB, Exchange
from tests.fakes.hub import RunningHub
from tests.fakes.peer import Peer

MORE = 0
LIMITS = Limits()


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Exchange:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    exchange.fund(BOB)
    return exchange


@pytest.fixture
def hub(redis: redis_module.Redis, exchange: Exchange) -> Iterator[RunningHub]:
    with RunningHub(redis) as hub:
        yield hub


@pytest.fixture
def peer(hub: RunningHub) -> Iterator[Peer]:
    peer = Peer.of(hub.port, hub.token())
    assert told(peer)["op"] == "welcome"
    yield peer
    peer.leave()


def told(peer: Peer) -> Any:
    opcode, payload = peer.frame()
    assert opcode == TEXT
    return json.loads(payload)


def request(size: int) -> bytes:
    """A message of *size* bytes that is answered with an error."""
    return b'{"op":"' + b"x" * (size - 9) + b'"}'


def in_pieces(count: int) -> list[bytes]:
    """A message of as many fragments; all but the last are empty."""
    first = client_frame(TEXT, fin=False)
    return [first, *[client_frame(MORE, fin=False)] * (count - 2), client_frame(MORE, b"{}")]


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([client_frame(TEXT, request(LIMITS.message_bytes))], id="of full size"),
        pytest.param(in_pieces(96), id="in as many pieces as a second allows"),
        pytest.param([client_frame(TEXT)], id="of nothing"),
        pytest.param([client_frame(BINARY, b"\x00")], id="binary"),
    ],
)
def test_a_message_within_the_limits_is_answered(peer: Peer, frames: Sequence[bytes]) -> None:
    peer.say(*frames)

    assert told(peer)["code"] == "BAD_MESSAGE"


HALF = request(LIMITS.message_bytes)[: LIMITS.message_bytes // 2]
ANNOUNCED = b"\x81\xff" + struct.pack("!Q", 8 << 30) + MASK


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param([client_frame(TEXT, b"bare", masked=False)], 1002, id="no mask"),
        pytest.param([client_frame(TEXT, b"{}", rsv=4)], 1002, id="compressed"),
        pytest.param([client_frame(TEXT, b"\xff")], 1007, id="not UTF-8"),
        pytest.param([client_frame(TEXT, request(4097))], 1009, id="a byte too many"),
        pytest.param(
            [client_frame(TEXT, HALF, fin=False), client_frame(MORE, HALF + b"x")],
            1009,
            id="a byte too many in pieces",
        ),
        pytest.param([ANNOUNCED + b"x" * 4097], 1009, id="the beginning of 8 GiB"),
        pytest.param(in_pieces(97), 4429, id="a piece too many"),
        pytest.param([client_frame(PING)] * 21, 4429, id="pings"),
        pytest.param([client_frame(PONG)] * 21, 4429, id="pongs nobody asked for"),
        pytest.param([client_frame(TEXT, b'{"op":"ping","id":1}')] * 21, 4429, id="requests"),
        pytest.param([client_frame(BINARY)] * 5, 4400, id="five that are no requests"),
    ],
)
def test_more_than_that_is_closed_with_its_code(
    peer: Peer, frames: Sequence[bytes], code: int
) -> None:
    peer.say(*frames)

    while (frame := peer.frame())[0] in (TEXT, PONG):
        pass
    assert (frame[0], int.from_bytes(frame[1][:2])) == (CLOSE, code)
    assert peer.frame() == (0, b"")


def test_as_many_messages_as_a_second_allows_are_answered(peer: Peer) -> None:
    assert LIMITS.per_second is not None
    peer.say(*[client_frame(TEXT, b'{"op":"ping","id":1}')] * LIMITS.per_second)

    assert [told(peer)["op"] for _ in range(LIMITS.per_second)] == ["pong"] * LIMITS.per_second


@pytest.mark.parametrize("reason", [b"", b"gone home", "ü".encode() * 61 + b"!"])
def test_the_reason_of_a_client_comes_back_as_it_was(peer: Peer, reason: bytes) -> None:
    peer.say(client_frame(CLOSE, struct.pack("!H", 4999) + reason))

    assert peer.closed_with() == (4999, reason.decode())


def test_a_client_that_stops_reading_is_disconnected_and_counted(
    hub: RunningHub, exchange: Exchange
) -> None:
    sleeper = Peer.of(hub.port, hub.token(), window=4096)
    sleeper.say(client_frame(TEXT, b'{"op":"subscribe","id":1,"channels":["portfolio"]}'))
    with hub.connect(ANN) as reader:
        reader.ask("subscribe", channels=["portfolio"])
        seqs = [reader.next()["seq"]]

        for _ in range(600):
            exchange.order(Side.BUY, 1)
            seqs.append(reader.next()["seq"])

        departed = sum((roster.departures for roster in hub.lobby.rosters), Counter[str]())
        assert departed == {"4408": 1}
        assert seqs == list(range(seqs[0], seqs[0] + 601))
        assert hub.lobby.taken == 1
    sleeper.leave()
