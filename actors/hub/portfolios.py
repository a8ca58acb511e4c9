"""What the clients of one shard get to see of their users' portfolios.

Works on the shard's roster and sends frames; keeps no state of its own, so it needs
no recovery.

Source: docs/protocol.md, "Portfolio".
"""

from __future__ import annotations

from typing import assert_never

from ..address import Address
from . import replies
from .messages import (
    PortfolioMissed,
    PortfolioMoved,
    PortfolioRead,
    PortfolioWanted,
    PricesRead,
    SubscriberMessage,
)
from .roster import Client, Roster


class Portfolios:
    """Carries portfolios and their events to the clients that follow them."""

    def __init__(self, roster: Roster, subscriber: Address[SubscriberMessage]) -> None:
        self._roster = roster
        self._subscriber = subscriber

    def tell(self, message: PortfolioMoved | PortfolioRead | PortfolioMissed) -> None:
        """Send what *message* has to whoever has not seen it."""
        if message.epoch != self._roster.epoch:
            return  # what was to begin it here was lost on the way, and comes again with the prices
        for client in tuple(self._roster.followers.get(message.user, ())):
            match message:
                case PortfolioMoved():
                    self._push(client, message)
                case PortfolioRead():
                    _show(client, message)
                case PortfolioMissed():
                    _make_up(client, message)
                case _:
                    assert_never(message)

    def read(self, read: PricesRead) -> None:
        """Be told that prices were read anew; either way portfolios come next."""
        if read.epoch != self._roster.epoch:
            self._roster.epoch = read.epoch
            self._begin_anew()
        elif read.relinked:
            self._resume()

    def _begin_anew(self) -> None:
        """Another epoch begins: whatever is read in it, everybody is to be shown."""
        for client in tuple(self._roster.clients):
            client.portfolio_seq = client.resumes_at = None
            client.cut_off = False

    def _resume(self) -> None:
        """Events may be missing: everybody is to be told those behind what they have seen."""
        for client in tuple(self._roster.clients):
            if client.portfolio_seq is not None:
                client.portfolio_seq, client.resumes_at = None, client.portfolio_seq
                client.cut_off = True

    def insist(self, client: Client) -> None:
        """Ask again for a portfolio still due: the wish was lost if a mailbox overflowed."""
        if client.channels.portfolio and client.portfolio_seq is None:
            self._subscriber.tell(PortfolioWanted(client.user, client.resumes_at))

    def _push(self, client: Client, moved: PortfolioMoved) -> None:
        known = client.portfolio_seq
        if known is None or moved.seq <= known:
            return  # a snapshot is under way, or showed this already
        if moved.seq == known + 1:
            client.portfolio_seq = moved.seq
            client.link.send(moved.frame)
        else:
            client.portfolio_seq = None
            client.link.send(replies.resync("portfolio", "GAP"))
            self._subscriber.tell(PortfolioWanted(client.user))


def _show(client: Client, read: PortfolioRead) -> None:
    if client.portfolio_seq is not None:
        return
    known, cut_off = client.resumes_at, client.cut_off
    _level(client, read.seq)
    if cut_off and known is not None and known < read.seq:
        client.link.send(replies.resync("portfolio", "GAP"))
    # Another number, not only a higher one: a client may name one that it has not seen.
    if known != read.seq:
        client.link.send(read.frame)


def _make_up(client: Client, missed: PortfolioMissed) -> None:
    # Also to who has not asked: it is on its way to those, comes later, and is known by then.
    at, last = client.known_seq, missed.after + len(missed.frames)
    # Others of the same user may be elsewhere; what concerns this one comes, or a snapshot.
    if at is None or not missed.after <= at <= last:
        return
    _level(client, last)
    frames = missed.frames[at - missed.after :]
    if frames:
        client.link.send(b"".join(frames), messages=len(frames))


def _level(client: Client, seq: int) -> None:
    client.portfolio_seq, client.resumes_at, client.cut_off = seq, None, False
