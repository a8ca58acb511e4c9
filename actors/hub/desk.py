"""Answers the requests of one shard's clients.

Works on the shard's roster and board and sends frames; keeps no state of its
own, so it needs no recovery.

Source: docs/protocol.md, "Requests".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from ...domain.clock import Calendar
from ...domain.ids import InstrumentIdx
from ..address import Address
from . import replies
from .board import Board
from .messages import FollowersGone, PortfolioWanted, SubscriberMessage
from .requests import (
    MAX_SUBSCRIPTIONS,
    BadMessage,
    Channels,
    Ping,
    Request,
    Resume,
    Subscribe,
    UnknownChannel,
    Unsubscribe,
    channels_of,
    decode,
)
from .roster import Client, Roster

MAX_STRIKES = 5  #: messages that are no requests before the connection is closed
BAD_MESSAGE = 4400


class Desk:
    """Turns a client's messages into subscriptions, snapshots and answers."""

    def __init__(
        self,
        roster: Roster,
        board: Board,
        subscriber: Address[SubscriberMessage],
        calendar: Calendar,
    ) -> None:
        self._roster = roster
        self._board = board
        self._subscriber = subscriber
        self._calendar = calendar

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

    def _add(self, client: Client, request: int, names: tuple[str, ...]) -> None:
        channels = self._listen(client, request, names)
        if channels is None:
            return
        prices = self._board.known if channels.all_prices else channels.prices
        self._send_snapshots(client, prices)
        if channels.portfolio:
            client.portfolio_seq = None
            self._subscriber.tell(PortfolioWanted(client.user))

    def _resume(self, client: Client, request: Resume) -> None:
        names = tuple(f"price:{name}" for name in request.price)
        if request.portfolio is not None:
            names += ("portfolio",)
        channels = self._listen(client, request.id, names)
        if channels is None:
            return
        # One that names no epoch is believed to know nothing of another one.
        same = request.epoch is None or request.epoch == self._board.epoch
        self._send_snapshots(
            client,
            self._board.known
            if channels.all_prices
            else [
                idx
                for idx in channels.prices
                if not same or self._board.seq(idx) != request.price[str(idx)]
            ],
        )
        if channels.portfolio:
            # The snapshot is sent only if its number turns out to be another.
            client.portfolio_seq = request.portfolio if same else None
            self._subscriber.tell(PortfolioWanted(client.user))

    def _listen(self, client: Client, request: int, names: tuple[str, ...]) -> Channels | None:
        """Subscribe to all of *names* and acknowledge, or refuse and change nothing."""
        channels = channels_of(names, self._board.known)
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
        channels = channels_of(names, self._board.known)
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

    def _send_snapshots(self, client: Client, prices: Iterable[InstrumentIdx]) -> None:
        wanted = tuple(prices)
        if wanted:
            frames = b"".join(self._board.snapshot(idx) for idx in wanted)
            client.link.send(frames, supersedes=wanted, messages=len(wanted))

    def _strike(self, client: Client, detail: str) -> None:
        client.strikes += 1
        client.link.send(replies.bad_message(detail))
        if client.strikes >= MAX_STRIKES:
            client.link.close(BAD_MESSAGE, "too many bad messages")


def _unknown(request: int, channel: UnknownChannel) -> bytes:
    return replies.refused(request, {"code": "CHANNEL_UNKNOWN", "channel": channel.name})
