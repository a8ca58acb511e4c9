"""Facts as they wait in the streams: each one text, which its script also answers with.

An entry has one field, `fact`: a JSON array of names and values in turn. Spelled as fields of the
entry itself, a trade takes Redis 15 µs to append instead of 4; see docs/decisions/0024.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from .wire import entry_of

FACT = "fact"  #: the field
#: As Redis sends an entry: its id, its names and values in turn.
Raw = tuple[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream: its id and the fields of its fact.

    One that holds no fact has fields of its own instead.
    """

    id: str
    fields: Mapping[str, str]


def oldest(key: str, limit: int, after: str | None = None) -> tuple[str, ...]:
    """The command that reads at most *limit* entries of the stream *key* after the id *after*."""
    return ("XRANGE", key, f"({after}" if after else "-", "+", "COUNT", str(limit))


def newest(key: str, limit: int) -> tuple[str, ...]:
    """The command that reads at most *limit* entries of the stream *key*, newest first."""
    return ("XREVRANGE", key, "+", "-", "COUNT", str(limit))


def entries_in(reply: Iterable[Raw]) -> list[Entry]:
    """The entries that Redis sends."""
    return [Entry(entry_id, _fields(flat)) for entry_id, flat in reply]


def _fields(flat: Sequence[str]) -> Mapping[str, str]:
    if len(flat) == 2 and flat[0] == FACT:
        try:
            return entry_of(flat[1])
        except (msgspec.DecodeError, ValueError):
            pass  # nonsense that somebody has added: it is kept as it is
    return dict(zip(flat[::2], flat[1::2], strict=True))
