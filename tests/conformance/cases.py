"""What RFC 6455 asks of a server's frames, as cases: what a client sends, what it gets.

A case is sent to a server that echoes. The headings name the sections of Autobahn's suite that
hold cases of the same kind; these here are our own and need no Autobahn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.fakes.client_frames import BINARY, CLOSE, PING, PONG, TEXT, client_frame

MORE = 0  #: opcode of a continuation
#: Close codes that nobody may send, and those that anybody may.
FORBIDDEN = (0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
ALLOWED = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
PROTOCOL_ERROR, NOT_UTF8 = 1002, 1007
HELLO = (TEXT, b"Hello")


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation.

    Attributes:
        sent: frames, or pieces of frames, in order.
        echoed: opcode and payload of every frame that comes before the end.
        end: the payload of the close frame that comes last, or its code alone; None if the
            connection stays open.
    """

    name: str
    sent: Sequence[bytes]
    echoed: Sequence[tuple[int, bytes]] = ()
    end: bytes | int | None = None


def close(code: int, reason: bytes = b"") -> bytes:
    return client_frame(CLOSE, struct.pack("!H", code) + reason)


def cases() -> Iterator[Case]:
    """All of them."""
    yield from framing()
    yield from pings_and_pongs()
    yield from reserved()
    yield from fragments()
    yield from text()
    yield from closing()


def framing() -> Iterator[Case]:
    """1: the three ways to say how long a frame is, at their edges."""
    for size in (0, 1, 125, 126, 127, 128, 65535, 65536):
        for opcode, byte in ((TEXT, b"*"), (BINARY, b"\xfe")):
            payload = byte * size
            yield Case(
                f"{opcode=}, {size} bytes", [client_frame(opcode, payload)], [(opcode, payload)]
            )
    unmasked = client_frame(TEXT, b"bare", masked=False)
    yield Case("a frame without a mask", [unmasked], end=PROTOCOL_ERROR)
    zeros = client_frame(TEXT, b"Hello", mask=bytes(4))
    yield Case("a mask of zeros is a mask", [zeros], [HELLO])
    for size, wide in ((5, "!BH"), (5, "!BQ"), (126, "!BQ")):
        head = struct.pack(wide, 0x80 | (126 if wide == "!BH" else 127), size)
        yield Case(f"{size} bytes said in {wide}", [b"\x81" + head + bytes(4)], end=PROTOCOL_ERROR)
    huge = b"\x81\xff" + struct.pack("!Q", 1 << 63)
    yield Case("a length with its highest bit", [huge + bytes(4)], end=PROTOCOL_ERROR)


def pings_and_pongs() -> Iterator[Case]:
    """2: whoever pings is answered with the same bytes; a pong is answered with nothing."""
    for payload in (b"", b"Hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125):
        yield Case(f"ping of {payload!r}", [client_frame(PING, payload)], [(PONG, payload)])
    for opcode in (PING, PONG, CLOSE):
        too_long = client_frame(opcode, b"\xfe" * 126)
        yield Case(f"{opcode=} of 126 bytes", [too_long], end=PROTOCOL_ERROR)
    unasked = [client_frame(PONG), client_frame(PONG, b"unasked"), client_frame(PING, b"asked")]
    yield Case("pongs nobody asked for", unasked, [(PONG, b"asked")])
    many = [client_frame(PING, b"%d" % n) for n in range(10)]
    yield Case("ten pings", many, [(PONG, b"%d" % n) for n in range(10)])


def reserved() -> Iterator[Case]:
    """3 and 4: what is kept for extensions and later versions."""
    good = client_frame(TEXT, b"Hello")
    for rsv in range(1, 8):
        for opcode in (TEXT, BINARY, PING, CLOSE):
            bad = client_frame(opcode, rsv=rsv)
            yield Case(f"{opcode=} with {rsv=}", [good, bad, good], [HELLO], PROTOCOL_ERROR)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        for payload in (b"", b"reserved"):
            bad = client_frame(opcode, payload)
            yield Case(f"{opcode=} of {payload!r}", [good, bad, good], [HELLO], PROTOCOL_ERROR)


def fragments() -> Iterator[Case]:
    """5 and 10: messages in pieces."""
    first, last = client_frame(TEXT, b"Hel", fin=False), client_frame(MORE, b"lo")
    ping, again = client_frame(PING, b"?"), client_frame(TEXT, b"again", fin=False)
    pong = (PONG, b"?")
    yield Case("two pieces", [first, last], [HELLO])
    more = [client_frame(BINARY, b"Hel", fin=False), last, client_frame(TEXT, b"Hello")]
    yield Case(
        "one message after another", [first, last, *more], [HELLO, (BINARY, b"Hello"), HELLO]
    )
    yield Case("a ping between two pieces", [first, ping, last], [pong, HELLO])
    yield Case("a pong between two pieces", [first, client_frame(PONG), last], [HELLO])
    yield Case("a close between two pieces", [first, close(1000), last], end=b"\x03\xe8")
    for opcode in (PING, PONG, CLOSE):
        broken = client_frame(opcode, b"?", fin=False)
        yield Case(f"{opcode=} in pieces", [broken, last], end=PROTOCOL_ERROR)
    yield Case("a last piece of nothing", [last], end=PROTOCOL_ERROR)
    yield Case(
        "a piece of nothing", [client_frame(MORE, b"lo", fin=False), last], end=PROTOCOL_ERROR
    )
    yield Case("a piece too many", [first, last, last], [HELLO], PROTOCOL_ERROR)
    yield Case("two first pieces", [first, again], end=PROTOCOL_ERROR)
    whole = client_frame(TEXT, b"whole")
    yield Case("a whole message within another", [first, ping, whole], [pong], PROTOCOL_ERROR)
    nothing = [client_frame(TEXT, fin=False), client_frame(MORE, fin=False), client_frame(MORE)]
    yield Case("three empty pieces", nothing, [(TEXT, b"")])
    pings = [part for n in range(5) for part in (ping, client_frame(MORE, b"%d" % n, fin=False))]
    sent = [client_frame(BINARY, b"<", fin=False), *pings, client_frame(MORE, b">")]
    yield Case("pings between many pieces", sent, [pong] * 5 + [(BINARY, b"<01234>")])
    pieces = [client_frame(MORE, b"x" * 1300, fin=False) for _ in range(50)]
    sent = [client_frame(TEXT, fin=False), *pieces, client_frame(MORE)]
    yield Case("65,000 bytes in pieces", sent, [(TEXT, b"x" * 65000)])


def text() -> Iterator[Case]:
    """6: text is UTF-8, of whole messages and not of their pieces."""
    greek = "κόσμε, 𝒯or für Köln \U0010ffff \ufffe\uffff\x00".encode()
    yield Case("many kinds of letters", [client_frame(TEXT, greek)], [(TEXT, greek)])
    split = [client_frame(TEXT, fin=False)]
    split += [client_frame(MORE, bytes([byte]), fin=False) for byte in greek]
    yield Case("split within letters", [*split, client_frame(MORE)], [(TEXT, greek)])
    for broken in (
        b"\x80",  # a continuation of nothing
        b"\xc0\xaf",  # a slash in two bytes
        b"\xe0\x80\xaf",  # and in three
        b"\xed\xa0\x80",  # a surrogate
        b"\xf4\x90\x80\x80",  # beyond U+10FFFF
        b"\xf8\x88\x80\x80\x80",  # five bytes
        b"\xfe",
        b"\xff",
        greek + b"\xed\xa0\x80edited",
    ):
        yield Case(f"{broken!r}", [client_frame(TEXT, broken)], end=NOT_UTF8)
        pieces = [client_frame(TEXT, b"Hello ", fin=False), client_frame(MORE, broken)]
        yield Case(f"{broken!r} in the second piece", pieces, end=NOT_UTF8)
        yield Case(f"binary {broken!r}", [client_frame(BINARY, broken)], [(BINARY, broken)])
    for cut in (b"\xce", b"\xe1\xbd", b"\xf0\x9f\x8f"):
        yield Case(f"the end lacks a part of {cut!r}", [client_frame(TEXT, cut)], end=NOT_UTF8)
    # Both are refused before the rest of the message, which never comes.
    early = client_frame(TEXT, greek + b"\xf4\x90\x80\x80", fin=False)
    yield Case("refused before the last piece", [early], end=NOT_UTF8)
    frame = client_frame(TEXT, greek + b"\xf4\x90\x80\x80" + b"edited" * 10)
    yield Case("refused before the end of the frame", [frame[:-60]], end=NOT_UTF8)


def closing() -> Iterator[Case]:
    """7: who closes is answered with the same code and reason; nothing counts after that."""
    yield Case("a close of nothing", [client_frame(CLOSE)], end=b"")
    yield Case("a close of one byte", [client_frame(CLOSE, b"\x03")], end=PROTOCOL_ERROR)
    after = [close(1000), client_frame(TEXT, b"late"), client_frame(PING), close(4000)]
    yield Case("messages after a close", after, end=b"\x03\xe8")
    before = [client_frame(TEXT, b"Hello"), close(1000, b"bye")]
    yield Case("a message before a close", before, [HELLO], b"\x03\xe8bye")
    longest = "ü".encode() * 61 + b"!"
    yield Case("the longest reason", [close(4999, longest)], end=b"\x13\x87" + longest)
    yield Case("a reason that is not UTF-8", [close(1000, b"\xce\xba\xff")], end=NOT_UTF8)
    for code in ALLOWED:
        yield Case(f"{code=}", [close(code, b"why")], end=struct.pack("!H", code) + b"why")
    for code in FORBIDDEN:
        yield Case(f"{code=}", [close(code, b"why")], end=PROTOCOL_ERROR)
