"""The facts of both streams as one sequence, in the order in which they were made.

Every fact says its turn, which is the one after that of the fact before it, whichever stream they
are in: the treasury's version, which facts of money raise, and the number of records of orders.
Postgres always has a beginning of that sequence and nothing of what comes after it: so it knows
how everything was at one moment, whatever Redis loses.
Source: docs/decisions/0022.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

import redis

from ..domain.ids import TREASURY
from .entries import Entry, Raw, entries_in, oldest
from .entries import newest as newest_of
from .keys import Keys, OutboxName
from .life import life_of
from .lua import LuaScript
from .redis_client import raw_results

DELETE_CHUNK = 500  #: ids that one script deletes; longer ones stall the server

LAST_TURN = 2**63 - 1
_TURN = re.compile("[0-9]{1,19}")

Marks = Mapping[OutboxName, str]
"""Of each stream the id of an entry; none stands for the beginning."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Facts by their streams, each stream's oldest first.

    Attributes:
        life: of Redis, in which they were read or made.
        complete: whether nothing came after them at the moment their reading began.
        lasts: the last entries that the streams had at that moment.
    """

    entries: Mapping[OutboxName, Sequence[Entry]]
    life: int
    complete: bool = True
    lasts: Marks = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.entries.values()))

    @property
    def facts(self) -> list[Entry]:
        """All of them, in the order of their turns."""
        streams = [entries for entries in self.entries.values() if entries]
        if len(streams) < 2:
            return [entry for entries in streams for entry in entries]
        placed = [
            (turn, entry)
            for entries in streams
            for turn, entry in zip(turns(entries), entries, strict=True)
        ]
        return [entry for _, entry in sorted(placed, key=itemgetter(0))]

    @property
    def ids(self) -> Mapping[OutboxName, list[str]]:
        """Their ids in their streams."""
        return {name: [entry.id for entry in read] for name, read in self.entries.items()}

    @property
    def ends(self) -> Marks:
        """The last of each stream that has any."""
        return {name: entries[-1].id for name, entries in self.entries.items() if entries}

    def covers(self, lasts: Marks, before: Marks) -> bool:
        """Whether these, and all up to *before*, are everything up to *lasts*."""
        reached = {**before, **self.ends}
        return self.complete or all(
            _place(reached.get(name, "0-0")) >= _place(last) for name, last in lasts.items()
        )

    def after(self, marks: Marks) -> "Stretch":
        """Those that come after *marks*."""
        entries = {
            name: [entry for entry in read if _place(entry.id) > _place(marks.get(name, "0-0"))]
            for name, read in self.entries.items()
        }
        return replace(self, entries=entries)


class FactSequence:
    """Both streams of one Redis."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys
        self._delete = LuaScript("facts_delete")

    def read(self, after: Marks, limit: int) -> Stretch:
        """The oldest facts after *after*, at most *limit* of each stream."""
        # The turn first: what comes up to it is in the streams by then, so nothing is seen without
        # what was made before it. A transaction would say so more plainly, but a Redis that is
        # full takes none. And once more behind them: nobody in them has a later one.
        turn = ("HMGET", self._keys.wallet(TREASURY), "v", "rec")
        streams = [self._keys.outbox(name) for name in OutboxName]
        ends = [newest_of(stream, 1) for stream in streams]
        begins = [oldest(self._keys.outbox(name), limit, after.get(name)) for name in OutboxName]
        first, *found, last = raw_results(self._redis, [turn, *ends, *begins, turn])
        lasts, found = found[: len(ends)], found[len(ends) :]
        newest, reached = _turn(first), _turn(last)
        placed = {
            name: _placed(entries_in(reply), reached)
            for name, reply in zip(OutboxName, found, strict=True)
        }
        cut = [at[-1] for _, at in placed.values() if len(at) == limit]
        # Without a treasury, as in a Redis that has lost it, nobody can make another fact.
        bound = min(cut if newest is None else [newest, *cut], default=LAST_TURN)
        upto = {name: read[: bisect_right(at, bound)] for name, (read, at) in placed.items()}
        return Stretch(upto, life_of(newest or 0), not cut, _last_ids(lasts))

    def delete(self, ids: Mapping[OutboxName, Sequence[str]], life: int) -> None:
        """Take entries that are durable off their streams; unknown ids are ignored.

        Nothing happens if Redis is not in *life* any more, in which they were read. Ids are
        moments of its clock: whoever was frozen while it was lost and put back may come with one
        that is that of another fact by now.
        """
        calls = [
            (
                [self._keys.wallet(TREASURY), self._keys.outbox(name)],
                [str(life), *of_stream[start : start + DELETE_CHUNK]],
            )
            for name, of_stream in ids.items()
            for start in range(0, len(of_stream), DELETE_CHUNK)
        ]
        self._delete.run_all(self._redis, calls)

    def waiting(self, name: OutboxName) -> int:
        """How many facts are in one stream."""
        return int(self._redis.xlen(self._keys.outbox(name)))


def turns(entries: Iterable[Entry]) -> Iterator[int]:
    """The turn of each entry of one stream.

    What is no fact, and cannot tell, has that of the one before it.
    """
    last = 0
    for entry in entries:
        turn = entry.fields.get("turn", "")
        # None goes back: one that does is no fact either.
        last = max(last, int(turn)) if _TURN.fullmatch(turn) else last
        yield last


def _last_ids(replies: Iterable[Sequence[Raw]]) -> Marks:
    named = zip(OutboxName, replies, strict=True)
    return {name: entry_id for name, reply in named for entry_id, _ in reply}


def _turn(treasury: tuple[str | None, str | None]) -> int | None:
    """The last turn that was had, by the treasury's version and its number of records."""
    version, records = treasury
    return None if version is None else int(version) + int(records or 0)


def _placed(entries: list[Entry], reached: int | None) -> tuple[list[Entry], list[int]]:
    """*entries* and their turns; none of them passes for a fact whose turn has not come.

    No script adds such a one. As a fact it would wait until it has, and be in the way of a true
    one, or wait for ever. Without a treasury nothing can be said.
    """
    at = list(turns(entries))
    if reached is None or not at or at[-1] <= reached:
        return entries, at
    possible = [_marked(each) if max(turns([each])) > reached else each for each in entries]
    return possible, list(turns(possible))


def _marked(entry: Entry) -> Entry:
    """*entry* as one of no kind and no turn, to be parked until a person has decided."""
    fields = entry.fields
    marks = {name: f"{fields.get(name, '')} ahead of the treasury" for name in ("k", "turn")}
    return Entry(entry.id, {**fields, **marks})


def _place(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number)
