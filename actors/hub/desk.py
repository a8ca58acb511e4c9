"""Answers the requests of one shard's clients.

Works on the shard's roster and boards and sends frames; keeps no state of its
own, so it needs no recovery.

Source: docs/protocol.md, "Requests".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from ...domain.clock import Calendar
from ...domain.ids import InstrumentIdx
from ..address import Address
from . import replies
from .board import Board
from .bulletins import Noticeboard, fixture_channel
from .channels import MAX_SUBSCRIPTIONS, Channels, UnknownChannel, channels_of
from .messages import (
    ClientJoined,
    ClientSpoke,
    FollowersGone,
    PortfolioWanted,
    SubscriberMessage,
)
from .requests import BadMessage, Ping, Request, Resume, Subscribe, Unsubscribe, decode
from .roster import Client, Roster

MAX_STRIKES = 5  #: messages that are no requests before the connection is closed
BAD_MESSAGE = 4400


@dataclass(frozen=True, slots=True)
class Known:
    """What a client says it has seen: numbers of *epoch* by channel; None is the present one."""

    epoch: int | None = None
    seqs: Mapping[str, int] = field(default_factory=dict)

    def of(self, epoch: int) -> Mapping[str, int]:
        """What of it means anything in *epoch*."""
        return self.seqs if self.epoch in (None, epoch) else {}


NOTHING = Known()


class Desk:
    """Turns a client's messages into subscriptions, snapshots and answers."""

    def __init__(
        self,
        roster: Roster,
        board: Board,
        noticeboard: Noticeboard,
        subscriber: Address[SubscriberMessage],
        calendar: Calendar,
    ) -> None:
        self._roster = roster
        self._board = board
        self._noticeboard = noticeboard
        self._subscriber = subscriber
        self._calendar = calendar

    def serve(self, message: ClientJoined | ClientSpoke) -> None:
        """Welcome a client, or carry out what it says."""
        match message:
            case ClientJoined(client):
                client.link.send(replies.welcome(str(client.number), self._calendar()))
            case ClientSpoke(client, data):
                self.answer(client, data)

    def answer(self, client: Client, data: str | bytes) -> None:
        """Carry out one message of *client*."""
        request = decode(data)
        if isinstance(request, BadMessage):
            self._strike(client, request.detail)
        else:
            self._carry_out(client, request)

    def _carry_out(self, client: Client, request: Request) -> None:
        match request:
            case Subscribe(request_id, names):
                self._add(client, request_id, names)
            case Resume(request_id):
                self._resume(client, request)
            case Unsubscribe(request_id, names):
                self._drop(client, request_id, names)
            case Ping(request_id):
                client.link.send(replies.pong(request_id, self._calendar()))
            case _:
                assert_never(request)

    def _resume(self, client: Client, request: Resume) -> None:
        known = {f"price:{name}": seq for name, seq in request.price.items()}
        known |= {fixture_channel(name): seq for name, seq in request.fixture.items()}
        if request.portfolio is not None:
            known["portfolio"] = request.portfolio
        self._add(client, request.id, tuple(known), Known(request.epoch, known))

    def _add(
        self, client: Client, request: int, names: tuple[str, ...], known: Known = NOTHING
    ) -> None:
        """Subscribe to *names*, and show what is not *known*."""
        channels = self._listen(client, request, names)
        if channels is None:
            return
        prices = known.of(self._board.epoch)
        self._show_prices(
            client,
            self._board.known
            if channels.all_prices
            else [i for i in channels.prices if prices.get(f"price:{i}") != self._board.seq(i)],
        )
        self._show_bulletins(client, channels, known.of(self._noticeboard.epoch))
        if channels.portfolio:
            # The snapshot is sent only if its number turns out to be another.
            client.portfolio_seq = prices.get("portfolio")
            self._subscriber.tell(PortfolioWanted(client.user))

    def _listen(self, client: Client, request: int, names: tuple[str, ...]) -> Channels | None:
        """Subscribe to all of *names* and acknowledge, or refuse and change nothing."""
        channels = channels_of(names, self._board.known, self._noticeboard.known)
        if isinstance(channels, UnknownChannel):
            client.link.send(_unknown(request, channels))
            return None
        wanted = client.channels | channels
        if len(wanted) > MAX_SUBSCRIPTIONS:
            error = {"code": "TOO_MANY_SUBSCRIPTIONS", "limit": MAX_SUBSCRIPTIONS}
            client.link.send(replies.refused(request, error))
            return None
        client.link.send(replies.acknowledged(request, names))
        self._roster.listen(client, wanted)
        return channels

    def _drop(self, client: Client, request: int, names: tuple[str, ...]) -> None:
        mine = client.channels
        # What it has may be gone by now, and is its own to drop all the same.
        channels = channels_of(
            names,
            mine.prices.union(self._board.known),
            mine.bulletins.union(self._noticeboard.known),
        )
        if isinstance(channels, UnknownChannel):
            client.link.send(_unknown(request, channels))
            return
        followed = client.channels.portfolio
        self._roster.listen(client, client.channels - channels)
        # Nothing of a dropped channel may follow the answer.
        dropped = set() if client.channels.all_prices else set(self._board.known)
        client.link.send(
            replies.acknowledged(request, names), supersedes=dropped - client.channels.prices
        )
        if followed and not self._roster.follows(client.user):
            self._subscriber.tell(FollowersGone(client.user))

    def _show_prices(self, client: Client, prices: Iterable[InstrumentIdx]) -> None:
        wanted = tuple(prices)
        if wanted:
            frames = b"".join(self._board.snapshot(idx) for idx in wanted)
            client.link.send(frames, supersedes=wanted, messages=len(wanted))

    def _show_bulletins(self, client: Client, channels: Channels, known: Mapping[str, int]) -> None:
        for channel in channels.bulletins:
            if known.get(channel) != self._noticeboard.seq(channel):
                client.link.send(self._noticeboard.snapshot(channel))

    def _strike(self, client: Client, detail: str) -> None:
        client.strikes += 1
        client.link.send(replies.bad_message(detail))
        if client.strikes >= MAX_STRIKES:
            client.link.close(BAD_MESSAGE, "too many bad messages")


def _unknown(request: int, channel: UnknownChannel) -> bytes:
    return replies.refused(request, {"code": "CHANNEL_UNKNOWN", "channel": channel.name})
