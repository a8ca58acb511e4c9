"""What the clients of one shard get to see of their users' portfolios.

Works on the shard's roster and board and sends frames; keeps no state of its own, so it needs
no recovery.

Source: docs/protocol.md, "Portfolio".
"""

from __future__ import annotations

from ..address import Address
from . import replies
from .board import Board
from .messages import PortfolioMoved, PortfolioRead, PortfolioWanted, SubscriberMessage
from .roster import Client, Roster


class Portfolios:
    """Carries portfolios and their events to the clients that follow them."""

    def __init__(
        self, roster: Roster, board: Board, subscriber: Address[SubscriberMessage]
    ) -> None:
        self._roster = roster
        self._board = board
        self._subscriber = subscriber

    def tell(self, message: PortfolioMoved | PortfolioRead) -> None:
        """Send what *message* has to whoever has not seen it."""
        if message.epoch != self._board.epoch:
            return  # what was to begin it here was lost on the way, and comes again with the prices
        for client in tuple(self._roster.followers.get(message.user, ())):
            if isinstance(message, PortfolioRead):
                _show(client, message)
            else:
                self._push(client, message)

    def begin_anew(self) -> None:
        """Another epoch begins: whatever is read in it, everybody is to be shown."""
        for client in tuple(self._roster.clients):
            client.portfolio_seq = None

    def insist(self, client: Client) -> None:
        """Ask again for a portfolio still due: the wish was lost if a mailbox overflowed."""
        if client.channels.portfolio and client.portfolio_seq is None:
            self._subscriber.tell(PortfolioWanted(client.user))

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
    # Another number, not only a higher one: a client may name one that it has not seen.
    if client.portfolio_seq != read.seq:
        client.portfolio_seq = read.seq
        client.link.send(read.frame)
