"""Answers the requests of one shard's clients.

Works on the shard's roster and boards and sends frames; keeps no state of its
own, so it needs no recovery.

Source: docs/protocol.md, "Requests".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from ...domain.clock import Calendar
from ...domain.ids import InstrumentIdx
from ...protocol.requests import (
    MAX_SUBSCRIPTIONS,
    Ping,
    Request,
    Resume,
    Subscribe,
    Unsubscribe,
)
from ...protocol.told import ChannelUnknown, TooManySubscriptions
from ..address import Address
from . import replies
from .board import Board
from .bulletins import FIXTURE, LEADERBOARD, Noticeboard, channel_of, snapshot
from .channels import Channels, UnknownChannel, channels_of, within
from .close_codes import BAD_MESSAGE
from .messages import (
    ClientJoined,
    ClientSpoke,
    FollowersGone,
    PortfolioWanted,
    SubscriberMessage,
)
from .requests import BadMessage, decode
from .roster import Client, Roster
from .tape import Tape
from .ticker import Ticker

MAX_STRIKES = 5  #: messages that are no requests before the connection is closed


@dataclass(frozen=True, slots=True)
class Wish:
    """Channels that a client wants, and what it has seen of them.

    Attributes:
        request: the number of its request.
        names: of the channels.
        conflated: whether prices are to be.
        epoch: the one of what it has seen; None is the present one.
        seen: the number of each channel it has seen.
    """

    request: int
    names: tuple[str, ...]
    conflated: bool = True
    epoch: int | None = None
    seen: Mapping[str, int] = field(default_factory=dict)

    def seen_in(self, epoch: int) -> Mapping[str, int]:
        """What it has seen that means anything in *epoch*."""
        return self.seen if self.epoch in (None, epoch) else {}

    def has(self, channel: str, epoch: int, seq: int) -> bool:
        """Whether it need not be shown what *channel* is at *seq* of *epoch*."""
        seen = self.seen_in(epoch).get(channel)
        # It may have been told more by another replica, or as every tick. A higher number without
        # an epoch is more likely to be one of an epoch that is over.
        return seen == seq or (seen is not None and seen > seq and self.epoch == epoch)


@dataclass(frozen=True, slots=True)
class Boards:
    """What the clients of a shard can be shown."""

    prices: Board
    ticks: Tape
    notices: Noticeboard


class Desk:
    """Turns a client's messages into subscriptions, snapshots and answers."""

    def __init__(
        self,
        roster: Roster,
        boards: Boards,
        ticker: Ticker,
        subscriber: Address[SubscriberMessage],
        calendar: Calendar,
    ) -> None:
        self._roster = roster
        self._boards = boards
        self._ticker = ticker
        self._subscriber = subscriber
        self._calendar = calendar

    def serve(self, message: ClientJoined | ClientSpoke) -> None:
        """Welcome a client, or carry out what it says."""
        if message.client not in self._roster.clients:
            return  # it has left meanwhile, and what it listened to may be there no more
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
            case Subscribe(request_id, names, conflated):
                self._add(client, Wish(request_id, names, conflated))
            case Resume():
                self._add(client, resumed(request))
            case Unsubscribe(request_id, names):
                self._drop(client, request_id, names)
            case Ping(request_id):
                client.link.send(replies.pong(request_id, self._calendar()))
            case _:
                assert_never(request)

    def _add(self, client: Client, wish: Wish) -> None:
        """Subscribe to what is wished for, and show what has not been seen."""
        if not wish.conflated or client.channels.hears_ticks:
            # What waits is for those who listen already: a snapshot of the tape has it.
            self._ticker.catch_up()
        if not wish.conflated:
            self._ticker.start()
        self._roster.settle(client)  # before the answer; above others may have had their turn
        before = client.channels
        channels = self._listen(client, wish)
        if channels is None:
            return
        self._show_prices(client, channels, wish, before)
        self._show_bulletins(client, channels, wish)
        if channels.portfolio:
            seen = wish.seen_in(self._boards.prices.epoch).get("portfolio")
            client.portfolio_seq, client.resumes_at, client.cut_off = None, seen, False
            self._subscriber.tell(PortfolioWanted(client.user, client.resumes_at))

    def _listen(self, client: Client, wish: Wish) -> Channels | None:
        """Subscribe to all of a wish and acknowledge, or refuse and change nothing."""
        boards = self._boards
        channels = channels_of(
            wish.names, boards.prices.known, boards.notices.known, conflated=wish.conflated
        )
        if isinstance(channels, UnknownChannel):
            client.link.send(_unknown(wish.request, channels))
            return None
        wanted = client.channels | channels
        if len(wanted) > MAX_SUBSCRIPTIONS:
            error = TooManySubscriptions(MAX_SUBSCRIPTIONS)
            client.link.send(replies.refused(wish.request, error))
            return None
        client.link.send(replies.acknowledged(wish.request, wish.names))
        self._roster.listen(client, wanted)
        return channels

    def _drop(self, client: Client, request: int, names: tuple[str, ...]) -> None:
        mine, known = client.channels, self._boards.prices.known
        # What it has may be gone by now, and is its own to drop all the same.
        channels = channels_of(
            names,
            mine.prices.union(mine.ticks, known),
            mine.bulletins.union(self._boards.notices.known),
        )
        if isinstance(channels, UnknownChannel):
            client.link.send(_unknown(request, channels))
            return
        if mine.hears_ticks:
            # What waits of a price that stays, but conflated, would never come.
            self._ticker.catch_up()
        self._roster.listen(client, mine - channels)
        # Nothing of a dropped channel may follow the answer.
        dropped = {idx for idx in known if not within(client.group, idx)}
        client.link.send(replies.acknowledged(request, names), supersedes=dropped)
        self._show_ahead(client, mine)
        if mine.portfolio and not self._roster.follows(client.user):
            self._subscriber.tell(FollowersGone(client.user))

    def _show_prices(
        self, client: Client, channels: Channels, wish: Wish, before: Channels
    ) -> None:
        every = channels.all_prices or channels.all_ticks
        wanted = self._boards.prices.known if every else channels.prices | channels.ticks
        frames, epoch = {}, self._boards.prices.epoch
        for idx in wanted:
            board = self._board_of(client, idx, before)
            if every or not wish.has(f"price:{idx}", epoch, board.seq(idx)):
                frames[idx] = board.snapshot(idx)
        if frames:
            joined = b"".join(frames.values())
            client.link.send(joined, supersedes=frames, messages=len(frames))

    def _show_ahead(self, client: Client, before: Channels) -> None:
        """Show what was read of prices that go over from every tick to conflated."""
        # The others have been shown it; its ticks, which are on their way, will be no news.
        board, tape = self._boards.prices, self._boards.ticks
        over = (idx for idx in board.known if within(before.ticked, idx))
        for idx in over:
            if within(client.group, idx) and board.seq(idx) > tape.seq(idx):
                client.link.send(board.snapshot(idx), supersedes=[idx])

    def _board_of(self, client: Client, idx: InstrumentIdx, before: Channels) -> Board | Tape:
        """What *client*, which has listened to *before*, can be shown of an instrument."""
        board, tape = self._boards.prices, self._boards.ticks
        if within(client.channels.ticked, idx):
            return tape
        # Whoever has had every tick until now may be ahead of the board; or behind what was read.
        ahead = within(before.ticked, idx) and tape.seq(idx) > board.seq(idx)
        return tape if ahead else board

    def _show_bulletins(self, client: Client, channels: Channels, wish: Wish) -> None:
        for channel in channels.bulletins:
            newest = self._boards.notices.newest(channel)
            if newest is not None and not wish.has(channel, newest.epoch, newest.seq):
                client.link.send(snapshot(newest))

    def _strike(self, client: Client, detail: str) -> None:
        client.strikes += 1
        client.link.send(replies.bad_message(detail))
        if client.strikes >= MAX_STRIKES:
            client.link.close(BAD_MESSAGE, "too many bad messages")


def resumed(request: Resume) -> Wish:
    """What a client wishes for that comes back."""
    seen = {f"price:{name}": seq for name, seq in request.price.items()}
    seen |= {channel_of(FIXTURE, name): seq for name, seq in request.fixture.items()}
    seen |= {channel_of(LEADERBOARD, name): seq for name, seq in request.leaderboard.items()}
    if request.portfolio is not None:
        seen["portfolio"] = request.portfolio
    return Wish(request.id, tuple(seen), request.conflated, request.epoch, seen)


def _unknown(request: int, channel: UnknownChannel) -> bytes:
    return replies.refused(request, ChannelUnknown(channel.name))
