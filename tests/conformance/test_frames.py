"""The frame layer over a real socket: every case, however its bytes are cut on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from touchline.http.sockets import SocketServer
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.echo_server import PATH, open_echo_server
from tests.fakes.client_frames import CLOSE, PING, PONG, client_frame
from tests.fakes.peer import WAIT_S, Peer

from .cases import Case, cases

CASES = list(cases())
LAST = b"the last word"


def at_once(frames: Sequence[bytes]) -> list[bytes]:
    return [b"".join(frames)]


def by_frame(frames: Sequence[bytes]) -> list[bytes]:
    return list(frames)


def by_byte(frames: Sequence[bytes]) -> list[bytes]:
    """Bytes one by one; of what is long, after its first 300 bytes, in larger pieces."""
    stream = b"".join(frames)
    ends = [*range(1, min(300, len(stream)) + 1), *range(1301, len(stream), 1001), len(stream)]
    return [stream[a:b] for a, b in zip([0, *ends], ends, strict=False) if a < b]


@pytest.fixture(scope="module")
def echo() -> Iterator[SocketServer]:
    server = open_echo_server()
    yield server
    server.stop()


@pytest.fixture
def peer(echo: SocketServer) -> Iterator[Peer]:
    peer = Peer.of(echo.port)
    yield peer
    peer.leave()


def heard(peer: Peer) -> Iterator[tuple[int, bytes]]:
    """What comes before *LAST* is answered, or the stream ends."""
    while (frame := peer.frame()) not in ((PONG, LAST), (0, b"")):
        yield frame


@pytest.mark.parametrize("cut", [at_once, by_frame, by_byte])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_answered_as_the_protocol_says(
    peer: Peer, case: Case, cut: Callable[[Sequence[bytes]], list[bytes]]
) -> None:
    for piece in cut(case.sent):
        peer.say(piece)
    if case.end is None:
        peer.say(client_frame(PING, LAST))

    frames = list(heard(peer))

    if case.end is not None:
        opcode, payload = frames.pop()
        said = payload if isinstance(case.end, bytes) else int.from_bytes(payload[:2])
        assert (opcode, said) == (CLOSE, case.end)
    assert frames == list(case.echoed)


def test_there_is_a_case_of_every_kind() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 150


def test_what_follows_a_broken_frame_is_not_read(peer: Peer) -> None:
    peer.say(client_frame(3), client_frame(1, b"late") * 100, client_frame(CLOSE))

    assert peer.closed_with()[0] == 1002


# -- as another implementation sees it, which checks every frame it gets


@pytest.fixture
def client(echo: SocketServer) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{echo.port}{PATH}", max_size=None) as client:
        yield client


@pytest.mark.parametrize("size", [0, 125, 126, 4096, 65535, 65536, 1 << 20])
def test_another_client_gets_its_messages_back(client: ClientConnection, size: int) -> None:
    for message in ("ü" * size, bytes(size)):
        client.send(message)
        assert client.recv(WAIT_S) == message


def test_another_client_sends_pieces_and_gets_one_message_back(client: ClientConnection) -> None:
    client.send(["Tor ", "für ", "", "Köln"])
    client.send([b"\x00", b"\xff"])

    assert client.recv(WAIT_S) == "Tor für Köln"
    assert client.recv(WAIT_S) == b"\x00\xff"


def test_another_client_pings_and_closes_in_good_order(client: ClientConnection) -> None:
    assert client.ping(b"?").wait(WAIT_S)

    client.close(4001, "gone home")

    with pytest.raises(ConnectionClosed) as closed:
        client.recv(WAIT_S)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "gone home")
