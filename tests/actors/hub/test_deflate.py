"""permessage-deflate: what clients are sent, what they may send, and what they may not."""

from __future__ import annotations

import os
import zlib

import pytest
from touchline.actors.hub import deflate
from touchline.actors.hub.deflate import Deflater
from touchline.actors.hub.frames import (
    Framing,
    Incoming,
    Limits,
    MessageReceived,
    PingReceived,
    Violation,
    binary_frame,
    text_frame,
)
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.fakes.client_frames import BINARY, PING, TEXT, client_frame, whole

RSV1 = 4
TICK = '{"op":"update","channel":"price:17","seq":%d,"data":{"bid":"102.1925","ask":"102.8075"}}'


def squeezed(data: bytes) -> bytes:
    """*data* as a client compresses a message."""
    squeezer = zlib.compressobj(wbits=-15)
    return (squeezer.compress(data) + squeezer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def fed(*frames: bytes, limits: Limits | None = None) -> list[Incoming]:
    """Everything a connection that compresses makes of *frames*, read in one go."""
    return whole(Framing(limits or Limits(), inflate=True).feed(b"".join(frames)))


def read(frames: bytes) -> list[str]:
    """The messages in *frames* by a client library's reading."""
    extension = PerMessageDeflate(server_no_context_takeover=True, client_no_context_takeover=True)
    extension.finalize("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    client = Connection(ConnectionType.CLIENT, [extension])
    client.receive_data(frames)
    texts = [""]
    for event in client.events():
        assert isinstance(event, TextMessage)
        texts[-1] += event.data
        if event.message_finished:
            texts.append("")
    return texts[:-1]


@pytest.mark.parametrize("size", [0, 1, 63, 64, 125, 126, 300, 4_000, 65_535, 65_536, 200_000])
def test_what_is_sent_can_be_read_whatever_its_size(size):
    text = "".join(f"{n % 97}," for n in range(size))[:size]
    noise = os.urandom(size).hex()[:size]

    sent = Deflater().deflated(text_frame(text) + text_frame(noise))

    assert read(sent) == [text, noise]


def test_a_window_of_4_kib_is_enough_to_read_it():
    phrase = os.urandom(100).hex()
    far_apart = phrase + "a" * 6_000 + phrase

    frame = Deflater().deflated(text_frame(far_apart))

    size = frame[1] if frame[1] < 126 else int.from_bytes(frame[2:4])
    inflater, read = zlib.decompressobj(-deflate.WINDOW_BITS), b""
    data = frame[-size:] + deflate.TAIL
    while data:  # piece by piece, so that it has its window and nothing else to look back at
        read += inflater.decompress(data, 100)
        data = inflater.unconsumed_tail
    assert read.decode() == far_apart


def test_messages_of_ours_get_shorter():
    tick = text_frame(TICK % 48191)

    assert len(Deflater().deflated(tick)) < 0.9 * len(tick)


def test_frames_behind_each_other_stay_messages_of_their_own():
    ticks = [TICK % seq for seq in range(20)]

    sent = Deflater().deflated(b"".join(map(text_frame, ticks)))

    assert read(sent) == ticks


def test_what_is_short_or_would_grow_or_is_a_control_frame_stays_as_it_is():
    noise = binary_frame(os.urandom(1_000))
    for frame in (text_frame("short"), noise, Framing(Limits()).ping()):
        assert Deflater().deflated(frame) == frame
    assert Deflater().deflated(Framing(Limits()).close(1000, "y" * 123))[0] == 0x88


def test_a_frame_is_compressed_once_for_all_who_get_it(monkeypatch):
    deflater, tick = Deflater(), text_frame(TICK % 1)

    first = deflater.deflated(tick)
    monkeypatch.setattr(deflate, "LEVEL", None)  # to compress again would fail

    assert deflater.deflated(tick) is first
    assert deflater.each({17: tick}) == {17: first}


def test_what_is_kept_for_others_is_bounded(monkeypatch):
    monkeypatch.setattr(deflate, "CACHE_BYTES", 5_000)
    deflater = Deflater()
    frames = [text_frame(TICK % seq) for seq in range(200)]

    for frame in frames:
        deflater.deflated(frame)

    assert sum(map(len, deflater._done)) == deflater._size <= 5_000
    assert list(deflater._done)[-1] is frames[-1]
    assert deflater.deflated(text_frame("x" * 9_000))  # larger than all of it


#: "Hello" as RFC 7692, 7.2.3, spells it: plain, in two blocks, stored, as a final block.
HELLOS = [
    "f248cdc9c90700",
    "f248050000 00ffffcac9c90700",
    "000500faff48656c6c6f00",
    "f348cdc9c9070000",
]


@pytest.mark.parametrize("hello", HELLOS)
def test_the_examples_of_the_standard_are_read(hello):
    assert fed(client_frame(TEXT, bytes.fromhex(hello), rsv=RSV1)) == [MessageReceived("Hello")]


def test_a_compressed_message_may_come_in_pieces_with_a_ping_between():
    data = squeezed(b"goal " * 50)

    incoming = fed(
        client_frame(TEXT, data[:3], fin=False, rsv=RSV1),
        client_frame(PING, b"?"),
        client_frame(0, b"", fin=False),
        client_frame(0, data[3:]),
        client_frame(TEXT, b"plain"),
        client_frame(BINARY, squeezed(b"\x00\xff"), rsv=RSV1),
    )

    assert incoming == [
        PingReceived(b"?"),
        MessageReceived("goal " * 50),
        MessageReceived("plain"),
        MessageReceived(b"\x00\xff"),
    ]


def test_bytes_that_come_one_at_a_time_make_the_same_messages():
    framing = Framing(Limits(), inflate=True)
    stream = client_frame(TEXT, squeezed("é".encode() * 100), rsv=RSV1) * 2

    incoming = whole(event for byte in stream for event in framing.feed(bytes([byte])))

    assert incoming == [MessageReceived("é" * 100)] * 2


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (client_frame(TEXT, b"\xff\xff\xff", rsv=RSV1), 1007),
        (client_frame(TEXT, squeezed(b"\xff"), rsv=RSV1), 1007),
        (client_frame(PING, squeezed(b"x"), rsv=RSV1), 1002),
        (client_frame(TEXT, b"a", fin=False) + client_frame(0, b"b", rsv=RSV1), 1002),
        (client_frame(TEXT, b"a", fin=False, rsv=RSV1) + client_frame(TEXT, b"b", rsv=RSV1), 1002),
        (client_frame(TEXT, b"a", rsv=2), 1002),
    ],
)
def test_what_breaks_the_rules_is_closed_with_its_code(frame, code):
    *_, violation = fed(frame)

    assert isinstance(violation, Violation)
    assert violation.code == code


def test_the_limit_is_that_of_the_message_however_small_it_comes():
    fits, too_big = (client_frame(TEXT, squeezed(b"x" * n), rsv=RSV1) for n in (4_096, 4_097))

    assert fed(fits) == [MessageReceived("x" * 4_096)]
    assert fed(too_big) == [Violation(1009, "message too big")]
    assert fed(client_frame(TEXT, squeezed(os.urandom(4_000).hex()[:4_096].encode()), rsv=RSV1))


def test_a_bomb_is_not_blown_up(monkeypatch):
    """4 KiB that would be 4 MiB: inflating stops where the limit does."""
    made: list[int] = []

    class Watched:
        def __init__(self, *args: int) -> None:
            self._real = zlib.decompressobj(*args)

        def decompress(self, *args):
            data = self._real.decompress(*args)
            made.append(len(data))
            return data

    class Zlib:
        MAX_WBITS, error, decompressobj = zlib.MAX_WBITS, zlib.error, Watched

    monkeypatch.setattr(deflate, "zlib", Zlib)
    bomb = squeezed(b"\x00" * 4_000_000)
    assert len(bomb) < 4_096

    assert fed(client_frame(BINARY, bomb, rsv=RSV1)) == [Violation(1009, "message too big")]
    assert made == [4_097]


def test_a_bomb_in_pieces_is_not_even_kept():
    framing, pieces = Framing(Limits(), inflate=True), 0
    noise = os.urandom(1_000)
    incoming = whole(framing.feed(client_frame(BINARY, noise, fin=False, rsv=RSV1)))
    while not incoming:
        pieces += 1
        incoming = whole(framing.feed(client_frame(0, noise, fin=False)))

    assert incoming == [Violation(1009, "message too big")]
    assert pieces == 4


def test_without_an_agreement_nothing_compressed_is_read():
    (violation,) = list(Framing(Limits()).feed(client_frame(TEXT, squeezed(b"x"), rsv=RSV1)))

    assert isinstance(violation, Violation)
    assert violation.code == 1002
