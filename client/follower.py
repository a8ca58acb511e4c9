"""What is known of the channels that are followed, and what to say to learn more.

Pure: no socket and no clock. Every rule of the protocol that a client has to keep is here: what a
snapshot replaces, when something is missing, and how to resume.

Source: docs/protocol.md, "Channels" and "Requests".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from .events import Changed, Event, Missed, Shown, Unavailable
from .messages import Ack, Data, Failure, Message, Resync, Snapshot, Update, Welcome

PORTFOLIO = "portfolio"
ALL_PRICES = "price:*"
UNSUBSCRIBE = "unsubscribe"
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
    whole: bool  # whether the message after this one has the next number


@dataclass(frozen=True, slots=True)
class _Asked:
    op: str
    channels: tuple[str, ...]
    conflated: bool


@dataclass(slots=True)
class Follower:
    """Follows channels over one connection after another.

    Attributes:
        wanted: the channels that are followed; True for those whose prices may be conflated.
    """

    wanted: dict[str, bool] = field(default_factory=dict)
    _known: dict[str, _Known] = field(default_factory=dict)
    _asked: dict[int, _Asked] = field(default_factory=dict)
    _granted: set[str] = field(default_factory=set)  # those the server sends every tick of
    _ids: count[int] = field(default_factory=lambda: count(1))

    def state(self, channel: str) -> Data | None:
        """The state of *channel* as of the last message; None if it is not known now."""
        known = self._known.get(channel)
        return known.data if known else None

    def opening(self) -> list[Request]:
        """What to ask on a new connection."""
        self._asked.clear()
        self._granted.clear()
        return self._again(self.wanted)

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
        return self._unsubscribe(left)

    def hear(self, message: Message) -> Heard:
        """Take a message of the server.

        Raises:
            Mistaken: it says that this client made a mistake, which trying again would repeat.
        """
        match message:
            case Snapshot():
                return self._shown(message) if self._follows(message.channel) else Heard()
            case Update():
                return self._changed(message) if self._follows(message.channel) else Heard()
            case Ack():
                return self._answered(message)
            case Failure():
                raise Mistaken(message.code, message.detail)
            case Resync():  # what it announces is told by its snapshot
                self._lost(message.channel)
                return Heard()
            case Welcome():
                return Heard()

    def _shown(self, shown: Snapshot) -> Heard:
        before = self._known.get(shown.channel)
        whole = self._has_all(shown.channel)
        self._known[shown.channel] = _Known(shown.epoch, shown.seq, shown.data, whole)
        rebuilt = before is not None and before.epoch != shown.epoch
        event = Shown(shown.channel, shown.epoch, shown.seq, shown.data, rebuilt)
        if before is None or rebuilt or not (before.whole and whole):
            return Heard((event,))
        if shown.seq <= before.seq:
            return Heard((event,))
        return Heard((Missed(shown.channel, before.seq, shown.seq + 1), event))

    def _changed(self, update: Update) -> Heard:
        before = self._known.get(update.channel)
        if before is None or update.seq <= before.seq:
            return Heard()  # of before a snapshot that is on its way, or has come
        missed: tuple[Event, ...] = ()
        whole = self._has_all(update.channel)
        if before.whole and whole and update.seq != before.seq + 1:
            missed = (Missed(update.channel, before.seq, update.seq),)
            if update.channel == PORTFOLIO:
                # What happened in between is in none of the updates that follow.
                del self._known[PORTFOLIO]
                return Heard(missed, tuple(self._subscribe([PORTFOLIO])))
        data = before.data if update.channel == PORTFOLIO else {**before.data, **update.data}
        self._known[update.channel] = _Known(before.epoch, update.seq, data, whole)
        return Heard((*missed, Changed(update.channel, update.seq, update.data, update.event)))

    def _lost(self, channel: str) -> None:
        """The server is the one that says that something is missing behind what is known."""
        known = self._known.get(channel)
        if known is not None:
            self._known[channel] = replace(known, whole=True)

    def _answered(self, ack: Ack) -> Heard:
        asked = self._asked.pop(ack.id, _Asked("", (), True))
        if ack.ok or ack.error is None:
            if asked.conflated:
                self._granted.difference_update(asked.channels)
            else:
                self._granted.update(asked.channels)
            return Heard()
        gone = ack.error.channel
        if gone is None:
            raise Mistaken(ack.error.code, f"the server refused {', '.join(asked.channels)}")
        if gone not in asked.channels:
            return Heard()  # nothing that was asked is answered by that
        # All or none were refused: the others are asked for again without it.
        rest = [channel for channel in asked.channels if channel != gone]
        if asked.op == UNSUBSCRIBE:
            return Heard(requests=tuple(self._unsubscribe(rest)))
        told: tuple[Event, ...] = ()
        if self.wanted.pop(gone, None) is not None:  # else it was left meanwhile
            self._forget(gone)
            told = (Unavailable(gone, ack.error.code),)
        return Heard(told, tuple(self._again(rest)))

    def _follows(self, channel: str) -> bool:
        """Whether *channel* has not been left while the message was on its way."""
        return channel in self.wanted or (_is_price(channel) and ALL_PRICES in self.wanted)

    def _has_all(self, channel: str) -> bool:
        """Whether each message of *channel* has the number after that of the one before by now.

        Those of a price that are on their way while every tick is asked for are conflated still.
        """
        if _is_price(channel):
            names = (channel, ALL_PRICES)
            return any(name in self._granted and not self.wanted.get(name, True) for name in names)
        return channel == PORTFOLIO

    def _again(self, channels: Iterable[str]) -> list[Request]:
        wanted = [channel for channel in channels if channel in self.wanted]
        known = [channel for channel in wanted if channel in self._known]
        return [*self._resume(known), *self._subscribe(set(wanted) - set(known))]

    def _unsubscribe(self, channels: list[str]) -> list[Request]:
        return [self._ask(UNSUBSCRIBE, channels, channels=channels)] if channels else []

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
        return self._ask("resume", channels, conflated, **members)

    def _subscribe(self, channels: Iterable[str]) -> list[Request]:
        return [
            self._ask("subscribe", some, way, channels=some) for way, some in self._by_way(channels)
        ]

    def _by_way(self, channels: Iterable[str]) -> Iterator[tuple[bool, list[str]]]:
        """*channels* in requests' worths, and whether they may be conflated."""
        wanted = sorted(channels)
        for way in (False, True):
            some = [channel for channel in wanted if self.wanted[channel] is way]
            for start in range(0, len(some), A_REQUEST):
                yield way, some[start : start + A_REQUEST]

    def _ask(
        self, op: str, about: Iterable[str], conflated: bool = True, **members: Any
    ) -> Request:
        number = next(self._ids)
        self._asked[number] = _Asked(op, tuple(about), conflated)
        return {"op": op, "id": number, **members, **_option(conflated)}

    def _forget(self, channel: str) -> None:
        names = [channel, *self._known] if channel == ALL_PRICES else [channel]
        for name in names:
            if not self._follows(name):  # a single price may go on among all, or without them
                self._known.pop(name, None)


class Mistaken(Exception):
    """The server refuses what this client asks, for a reason that stays."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


def _is_price(channel: str) -> bool:
    return channel.startswith("price:")


def _option(conflated: bool) -> Mapping[str, bool]:
    return {} if conflated else {"conflated": False}
