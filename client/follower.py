"""What is known of the channels that are followed, and what to say to learn more.

Pure: no socket and no clock. Every rule of the protocol that a client has to keep is here: what a
snapshot replaces, when something is missing, and how to resume.

Source: docs/protocol.md, "Channels" and "Requests".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .events import Changed, Event, Missed, Shown, Unavailable
from .messages import Ack, Data, Failure, Message, Resync, Snapshot, Update, Welcome

PORTFOLIO = "portfolio"
ALL_PRICES = "price:*"
#: Kinds whose channels a resume names by the rest of their names.
NUMBERED = ("price", "fixture", "leaderboard")
A_REQUEST = 100  #: channels that one request names at most, which has 4 KiB at most

Request = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message means: what to tell the user, and what to ask the server."""

    events: tuple[Event, ...] = ()
    requests: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    epoch: int
    seq: int
    data: Data


@dataclass(slots=True)
class Follower:
    """Follows channels over one connection after another.

    Attributes:
        wanted: the channels that are followed; True for those whose prices may be conflated.
    """

    wanted: dict[str, bool] = field(default_factory=dict)
    _known: dict[str, _Known] = field(default_factory=dict)
    _asked: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def state(self, channel: str) -> Data | None:
        """The state of *channel* as of the last message; None if it is not known now."""
        known = self._known.get(channel)
        return known.data if known else None

    def opening(self) -> list[Request]:
        """What to ask on a new connection."""
        self._asked.clear()
        known = [channel for channel in self.wanted if channel in self._known]
        return [*self._resume(known), *self._subscribe(set(self.wanted) - set(known))]

    def follow(self, channels: Iterable[str], conflated: bool) -> list[Request]:
        """What to ask to follow *channels* too."""
        added = dict.fromkeys(channels, conflated)
        self.wanted |= added
        return self._subscribe(added)

    def leave(self, channels: Iterable[str]) -> list[Request]:
        """What to say to follow *channels* no more."""
        left = [channel for channel in channels if self.wanted.pop(channel, None) is not None]
        for channel in left:
            self._forget(channel)
        return [self._ask("unsubscribe", left, channels=left)] if left else []

    def hear(self, message: Message) -> Heard:
        """Take a message of the server.

        Raises:
            Mistaken: it says that this client made a mistake, which trying again would repeat.
        """
        match message:
            case Snapshot():
                return self._shown(message)
            case Update():
                return self._changed(message)
            case Ack():
                return self._answered(message)
            case Failure():
                raise Mistaken(message.code, message.detail)
            case Welcome() | Resync():  # what a resync announces is told by its snapshot
                return Heard()

    def _shown(self, shown: Snapshot) -> Heard:
        before = self._known.get(shown.channel)
        self._known[shown.channel] = _Known(shown.epoch, shown.seq, shown.data)
        rebuilt = before is not None and before.epoch != shown.epoch
        event = Shown(shown.channel, shown.epoch, shown.seq, shown.data, rebuilt)
        if before is None or rebuilt or not self._has_all(shown.channel):
            return Heard((event,))
        if shown.seq <= before.seq:
            return Heard((event,))
        return Heard((Missed(shown.channel, before.seq, shown.seq + 1), event))

    def _changed(self, update: Update) -> Heard:
        before = self._known.get(update.channel)
        if before is None or update.seq <= before.seq:
            return Heard()  # of before a snapshot that is on its way, or has come
        missed: tuple[Event, ...] = ()
        if self._has_all(update.channel) and update.seq != before.seq + 1:
            missed = (Missed(update.channel, before.seq, update.seq),)
            if update.channel == PORTFOLIO:
                # What happened in between is in none of the updates that follow.
                del self._known[PORTFOLIO]
                return Heard(missed, tuple(self._subscribe([PORTFOLIO])))
        data = before.data if update.channel == PORTFOLIO else {**before.data, **update.data}
        self._known[update.channel] = _Known(before.epoch, update.seq, data)
        return Heard((*missed, Changed(update.channel, update.seq, update.data, update.event)))

    def _answered(self, ack: Ack) -> Heard:
        channels = self._asked.pop(ack.id, ())
        if ack.ok or ack.error is None:
            return Heard()
        gone = ack.error.channel
        if gone is None or self.wanted.pop(gone, None) is None:
            raise Mistaken(ack.error.code, f"the server refused {', '.join(channels)}")
        self._forget(gone)
        # All or none were refused: the others are asked for again without it.
        rest = [channel for channel in channels if channel in self.wanted]
        known = [channel for channel in rest if channel in self._known]
        again = [*self._resume(known), *self._subscribe(set(rest) - set(known))]
        return Heard((Unavailable(gone, ack.error.code),), tuple(again))

    def _has_all(self, channel: str) -> bool:
        """Whether each message of *channel* has the number after that of the one before."""
        if channel.startswith("price:"):
            conflated = (self.wanted.get(name, True) for name in (channel, ALL_PRICES))
            return not all(conflated)
        return channel == PORTFOLIO

    def _resume(self, channels: Iterable[str]) -> list[Request]:
        return [self._resume_all(some, way) for way, some in self._by_way(channels)]

    def _resume_all(self, channels: list[str], conflated: bool) -> Request:
        members: Request = {"epoch": min(self._known[channel].epoch for channel in channels)}
        for channel in channels:
            kind, _, name = channel.partition(":")
            seq = self._known[channel].seq
            if kind in NUMBERED:
                members.setdefault(kind, {})[name] = seq
            else:
                members[kind] = seq
        return self._ask("resume", channels, **members, **_option(conflated))

    def _subscribe(self, channels: Iterable[str]) -> list[Request]:
        return [
            self._ask("subscribe", some, channels=some, **_option(way))
            for way, some in self._by_way(channels)
        ]

    def _by_way(self, channels: Iterable[str]) -> Iterator[tuple[bool, list[str]]]:
        """*channels* in requests' worths, and whether they may be conflated."""
        wanted = sorted(channels)
        for way in (False, True):
            some = [channel for channel in wanted if self.wanted[channel] is way]
            for start in range(0, len(some), A_REQUEST):
                yield way, some[start : start + A_REQUEST]

    def _ask(self, op: str, about: Iterable[str], **members: Any) -> Request:
        number = next(self._ids)
        self._asked[number] = tuple(about)
        return {"op": op, "id": number, **members}

    def _forget(self, channel: str) -> None:
        if channel == ALL_PRICES:
            for name in [name for name in self._known if name.startswith("price:")]:
                if name not in self.wanted:
                    del self._known[name]
        self._known.pop(channel, None)


class Mistaken(Exception):
    """The server refuses what this client asks, for a reason that stays."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


def _option(conflated: bool) -> Mapping[str, bool]:
    return {} if conflated else {"conflated": False}
