"""What is known of prices on this replica: one board for all clients, and a tape for each shard.

Kept outside the actors, and written by the subscriber as it reads and hears. Every method is short
and waits for nothing, so a board and its tapes are never seen at different ticks, and whoever
begins to listen in between finds neither a gap nor an overlap.

Source: docs/decisions/0031-a-broadcast-goes-along-sockets.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..address import Address
from .board import Board, Move, Price
from .messages import BoardMoved, PricesMessage, PricesRead, ShardMessage, TicksMoved
from .tape import Tape


class Quotes:
    """The board, the tapes, and who is to be told of them.

    Attributes:
        board: sent by the prices actor.
        tapes: by the number of the shard that sends it.
        reminded: whether the prices actor is told already that something waits on the board.
    """

    def __init__(
        self, shards: Sequence[Address[ShardMessage]], prices: Address[PricesMessage]
    ) -> None:
        self.board = Board()
        self.tapes = tuple(Tape() for _ in shards)
        self.reminded = False
        self._shards = tuple(shards)
        self._prices = prices

    def moved(self, move: Move) -> None:
        """Put one tick on the board, and on the tapes that run."""
        if self.board.moved(move):
            self._remind()
        for shard, tape in zip(self._shards, self.tapes, strict=True):
            if tape.running:
                tape.moved(move)
                shard.tell(TicksMoved())

    def read(self, epoch: int, prices: Sequence[Price], *, relinked: bool = False) -> None:
        """Take over all instruments as they stand in Redis in *epoch*.

        Of what they are ahead of, ticks are missing if it was *relinked* before; else they may be
        on their way.
        """
        if self.board.read(epoch, prices):
            self._remind()
        for shard, tape in zip(self._shards, self.tapes, strict=True):
            if tape.running:
                tape.read(epoch, prices, certain=relinked)
            shard.tell(PricesRead(epoch, relinked))

    def _remind(self) -> None:
        if not self.reminded:
            self.reminded = True
            self._prices.tell(BoardMoved())
