"""The frame layer: what clients may send, and what they get for what they may not."""

from __future__ import annotations

import struct
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.actors.hub.frames import (
    CloseReceived,
    Framing,
    Incoming,
    Limits,
    MessageReceived,
    PieceReceived,
    PingReceived,
    PongReceived,
    Violation,
    binary_frame,
    text_frame,
)
from wsproto.connection import Connection

from tests.fakes.client_frames import BINARY, CLOSE, MASK, PING, PONG, TEXT, client_frame, whole
from tests.fakes.garbage import instances


def fed(*frames: bytes, limits: Limits | None = None) -> list[Incoming]:
    """What a fresh connection makes of *frames*, read in one go; pieces of messages left out."""
    return whole(Framing(limits or Limits()).feed(b"".join(frames)))


def test_a_masked_text_message_arrives_as_text():
    assert fed(client_frame(TEXT, "Tor für Köln".encode())) == [MessageReceived("Tor für Köln")]


def test_a_binary_message_arrives_as_bytes():
    assert fed(client_frame(BINARY, b"\x00\xff")) == [MessageReceived(b"\x00\xff")]


def test_a_message_in_pieces_arrives_once_and_whole_with_a_ping_between():
    incoming = fed(
        client_frame(TEXT, b"go", fin=False),
        client_frame(PING, b"?"),
        client_frame(0, b"", fin=False),
        client_frame(0, b"al"),
    )

    assert incoming == [PingReceived(b"?"), MessageReceived("goal")]


def test_bytes_that_come_one_at_a_time_make_the_same_messages():
    framing = Framing(Limits())
    stream = client_frame(TEXT, "é".encode() * 100) + client_frame(PONG) + client_frame(BINARY)

    incoming = [event for byte in stream for event in framing.feed(bytes([byte]))]

    assert whole(incoming) == [MessageReceived("é" * 100), PongReceived(), MessageReceived(b"")]
    assert incoming.count(PieceReceived()) == 199


def test_every_fragment_but_the_last_is_told_as_a_piece():
    pieces = [client_frame(TEXT, fin=False), client_frame(0, b"x", fin=False), client_frame(0)]

    incoming = list(Framing(Limits()).feed(b"".join(pieces)))

    assert incoming == [PieceReceived(), PieceReceived(), MessageReceived("x")]


#: Frames that a client may send, of which each entry may follow any other.
SPOKEN = [
    [client_frame(TEXT, "é".encode() * 80)],
    [client_frame(BINARY)],
    [client_frame(PING, b"?")],
    [client_frame(PONG)],
    [client_frame(TEXT, fin=False), client_frame(0, b"go", fin=False), client_frame(0)],
    [client_frame(TEXT, b"g", fin=False), client_frame(PONG), client_frame(0, b"oal")],
]


@given(st.lists(st.sampled_from(SPOKEN), max_size=6), st.data())
def test_wherever_a_stream_is_cut_it_makes_the_same_messages(spoken: Any, data: Any):
    frames = [frame for each in spoken for frame in each]
    ends = [0, *accumulate(map(len, frames))]
    cuts = data.draw(st.sets(st.one_of(st.sampled_from(ends), st.integers(0, ends[-1]))))
    stream, framing = b"".join(frames), Framing(Limits())
    pieces = [stream[begin:end] for begin, end in pairwise(sorted({0, *cuts, ends[-1]}))]

    incoming = [event for piece in pieces for event in framing.feed(piece)]

    assert whole(incoming) == fed(stream)


def test_nothing_of_wsproto_is_kept_between_two_messages():
    framing = Framing(Limits())
    before = instances(Connection)

    frame = client_frame(TEXT, b"hello")
    list(framing.feed(frame))
    assert instances(Connection) == before
    for split in (1, 2, 4, 7):
        list(framing.feed(frame + frame[:split]))
        assert instances(Connection) == before + 1
        list(framing.feed(frame[split:]))
        assert instances(Connection) == before
    list(framing.feed(client_frame(TEXT, b"hel", fin=False)))
    assert instances(Connection) == before + 1


def test_what_looks_like_a_pong_within_a_message_is_none():
    pong = client_frame(PONG)
    payload = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(pong))
    frame = client_frame(BINARY, payload)
    framing = Framing(Limits())

    incoming = [*framing.feed(frame[:6]), *framing.feed(frame[6:])]

    assert frame[6:] == pong
    assert incoming == [MessageReceived(payload)]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (client_frame(TEXT, b"hello", masked=False), 1002),
        (client_frame(3), 1002),
        (client_frame(11), 1002),
        (client_frame(TEXT, b"x", rsv=4), 1002),
        (client_frame(0, b"continuation of nothing"), 1002),
        (client_frame(PING, b"p" * 126), 1002),
        (client_frame(PING, fin=False), 1002),
        (client_frame(TEXT, b"\xff\xfe"), 1007),
        (client_frame(TEXT, b"\xed\xa0\x80"), 1007),
        (client_frame(CLOSE, b"\x03"), 1002),
        (client_frame(CLOSE, struct.pack("!H", 1005)), 1002),
        (client_frame(CLOSE, struct.pack("!H", 2999)), 1002),
        (client_frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
        (b"\x81\xff" + struct.pack("!Q", 1 << 63) + MASK, 1002),
    ],
)
def test_what_the_protocol_forbids_is_a_violation_with_its_code(frame: bytes, code: int):
    (violation,) = fed(frame)

    assert isinstance(violation, Violation)
    assert violation.code == code


def test_a_message_of_exactly_the_limit_passes_and_one_byte_more_is_1009():
    limits = Limits(message_bytes=300)

    assert fed(client_frame(TEXT, b"x" * 300), limits=limits) == [MessageReceived("x" * 300)]
    assert fed(client_frame(TEXT, b"x" * 301), limits=limits) == [
        Violation(1009, "message too big")
    ]


def test_the_limit_counts_bytes_not_characters_and_all_pieces_together():
    limits = Limits(message_bytes=10)
    pieces = [client_frame(TEXT, "ööö".encode(), fin=False), client_frame(0, "ööö".encode())]

    assert fed(*pieces, limits=limits) == [Violation(1009, "message too big")]


def test_an_announced_gigabyte_is_refused_when_bytes_come_and_not_kept():
    framing = Framing(Limits(message_bytes=4096))

    assert list(framing.feed(b"\x82\xff" + struct.pack("!Q", 8 << 30) + MASK)) == []
    assert whole(framing.feed(bytes(4096))) == []
    assert list(framing.feed(b"x")) == [Violation(1009, "message too big")]


def test_a_message_in_too_many_pieces_is_1008():
    limits = Limits(fragments=3)
    pieces = [client_frame(TEXT, fin=False), *[client_frame(0, fin=False)] * 3]

    assert fed(*pieces, limits=limits) == [Violation(1008, "too many fragments")]


def test_a_close_is_answered_with_the_same_code_and_reason():
    (closed,) = fed(client_frame(CLOSE, struct.pack("!H", 4000) + "tschüß".encode()))

    assert isinstance(closed, CloseReceived)
    assert (closed.code, closed.reason) == (4000, "tschüß")
    assert closed.reply == b"\x88\x0a" + struct.pack("!H", 4000) + "tschüß".encode()


def test_a_close_without_a_code_is_answered_without_one():
    (closed,) = fed(client_frame(CLOSE))

    assert isinstance(closed, CloseReceived)
    assert closed.reply == b"\x88\x00"


def test_our_own_frames_are_final_and_unmasked():
    assert text_frame("hi") == b"\x81\x02hi"
    assert binary_frame(b"\x00") == b"\x82\x01\x00"
    assert text_frame("x" * 200)[:4] == b"\x81\x7e\x00\xc8"
    assert Framing(Limits()).ping() == b"\x89\x00"
    assert Framing(Limits()).pong(b"abc") == b"\x8a\x03abc"


def test_a_close_reason_is_cut_to_what_a_control_frame_holds():
    frame = Framing(Limits()).close(1008, "ü" * 100)

    assert frame[1] <= 125
    assert frame[4:].decode() == "ü" * 61
