"""What the subscriber reads of users' portfolios, and tells the shards of it.

A replay waits in Redis until somebody is shown it, and is a push like any other from then on: it
has a number, is published, and whoever has seen the number before it hears it. But a snapshot of
the portfolio that is read after that has the number already, and nothing of the replay: the client
that gets the snapshot takes the push for known. So the replay is taken only if nothing was pushed
since the portfolio was read, and goes to the shards right behind what was read, before anything
else can be.

Source: docs/decisions/0029, "Decision".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ...domain.ids import UserId
from ...domain.pushes import PortfolioEvent
from ...domain.views import portfolio_update_view, portfolio_view
from . import replies
from .lobby import Lobby
from .messages import PortfolioMissed, PortfolioMoved, PortfolioRead
from .sources import Market
from .wishes import Wanted

Remind = Callable[[UserId, int], Sequence[PortfolioEvent] | None]
"""Pushes what waits for a user whose portfolio was shown as of that number: see `Reminders`."""


class PortfolioReader:
    """Carries portfolios, and what happens to them, to the shards of their users.

    Within the life of Redis that *market* reads. Keeps no state of its own.
    """

    def __init__(self, lobby: Lobby, market: Market, remind: Remind) -> None:
        self._lobby = lobby
        self._market = market
        self._remind = remind

    def tell(self, user: UserId, event: PortfolioEvent) -> None:
        """Tell of an event that was heard."""
        moved = PortfolioMoved(self._market.epoch, user, event.seq, _frame_of(event))
        self._lobby.shards[self._lobby.shard_of(user)].tell(moved)

    def read(self, wanted: Mapping[UserId, Wanted]) -> list[UserId]:
        """Tell what is *wanted*, and what waited for it to be told.

        Returns:
            users who have to be shown their portfolio anew, because it has changed meanwhile,
            before they can be told what waits.
        """
        shown = self._make_up(wanted)
        whole = [user for user, wish in wanted.items() if wish.snapshot or user not in shown]
        shown |= self._show(whole)
        return [user for user, seq in shown.items() if not self._tell_what_waited(user, seq)]

    def _make_up(self, wanted: Mapping[UserId, Wanted]) -> dict[UserId, int]:
        """Tell what was missed, where that is wanted and to be had; the last number of each."""
        after = {user: wish.after for user, wish in wanted.items() if wish.after is not None}
        missed = self._market.missed(after) if after else []
        shown = {}
        for (user, seq), events in zip(after.items(), missed, strict=True):
            if events is not None:
                self._tell_missed(user, seq, events)
                shown[user] = seq + len(events)
        return shown

    def _show(self, users: Sequence[UserId]) -> dict[UserId, int]:
        """Tell the whole; the number of the last push in each."""
        shown = {}
        for user, portfolio in zip(users, self._market.portfolios(users), strict=True):
            view, epoch = portfolio_view(portfolio), self._market.epoch
            frame = replies.snapshot("portfolio", epoch, portfolio.seq, view)
            shard = self._lobby.shards[self._lobby.shard_of(user)]
            shard.tell(PortfolioRead(epoch, user, portfolio.seq, frame))
            shown[user] = portfolio.seq
        return shown

    def _tell_what_waited(self, user: UserId, seq: int) -> bool:
        pushed = self._remind(user, seq)
        if pushed:
            # With what was pushed before it, for whom that is on its way to.
            self._tell_missed(user, pushed[0].seq - 1, pushed)
        return pushed is not None

    def _tell_missed(self, user: UserId, after: int, events: Iterable[PortfolioEvent]) -> None:
        frames = tuple(map(_frame_of, events))
        missed = PortfolioMissed(self._market.epoch, user, after, frames)
        self._lobby.shards[self._lobby.shard_of(user)].tell(missed)


def _frame_of(event: PortfolioEvent) -> bytes:
    return replies.portfolio_update(event.seq, event.name, portfolio_update_view(event))
