"""One shard of the hub: answers its users' connections, and sends them portfolios and ticks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from ...domain.clock import Calendar
from ..actor import Actor
from ..timer import Timer
from . import replies
from .desk import Boards, Desk
from .liveness import NOTHING, Care, care
from .lobby import Lobby
from .messages import (
    BulletinPosted,
    BulletinsRead,
    ClientJoined,
    ClientSpoke,
    PortfolioMissed,
    PortfolioMoved,
    PortfolioRead,
    PricesRead,
    ShardMessage,
    SweepDue,
    TicksDue,
    TicksMoved,
)
from .notices import Notices
from .pace import Pace
from .planned import Planned
from .portfolios import Portfolios
from .roster import Client
from .ticker import Ticker

SWEEP_S = 1.0
PUT_OFF_S = 0.25  #: longest wait of a sweep for prices to be sent
LOOK_AGAIN_S = 0.005  #: between two looks whether they have been


class Shard(Actor[ShardMessage]):
    """Looks after the connections of its users: all they get but the conflated prices.

    Reads: messages of the subscriber and of its clients; never Redis, so an
    outage there leaves the connections alone. Writes: the clients' sockets.
    Holds no lease. While it is down its clients stay connected and get nothing;
    then they get what changed.
    """

    def __init__(self, number: int, lobby: Lobby, calendar: Calendar) -> None:
        super().__init__()
        self._number = number
        self._lobby = lobby
        self._calendar = calendar
        self._roster = lobby.rosters[number]
        board, tape = lobby.quotes.board, lobby.quotes.tapes[number]
        noticeboard = lobby.noticeboards[number]
        self._ticker = Ticker(self._roster, board, tape, lobby.monotonic)
        boards = Boards(board, tape, noticeboard)
        self._desk = Desk(self._roster, boards, self._ticker, lobby.subscriber, calendar)
        self._notices = Notices(self._roster, noticeboard, lobby.monotonic)
        self._portfolios = Portfolios(self._roster, lobby.subscriber)
        self._turn = 0
        self._ticks_due = Planned(self, TicksDue())
        self._swept_at = float("-inf")  # monotonic seconds
        self._put_off: Timer | None = None  # for a sweep that lets prices go first

    def started(self) -> None:
        """Take the roster over from the lobby, and send what waited or had not got to everybody."""
        self._roster.rebuild()
        self._ticker.take_over()
        self._notices.start()
        self._plan()
        # Each in its part of the second: all at once they would hold up prices for 10 ms.
        turn = (self._number + 1) / len(self._lobby.shards)
        self.every(SWEEP_S, SweepDue(), first_s=SWEEP_S * turn)

    def receive(self, message: ShardMessage) -> None:
        """Handle one message."""
        match message:
            case TicksMoved():
                self._plan()
            case PortfolioMoved() | PortfolioRead() | PortfolioMissed():
                self._portfolios.tell(message)
            case TicksDue():
                self._ticks_due.came()
                self._ticker.flush()
                self._plan()
            case ClientJoined() | ClientSpoke():
                self._desk.serve(message)
            case BulletinPosted() | BulletinsRead():
                self._notices.tell(message)
            case PricesRead():
                self._portfolios.read(message)
                self._plan()
            case SweepDue():
                self._sweep_between_broadcasts()
            case _:
                assert_never(message)

    def detail(self) -> Mapping[str, object]:
        """Connections, users and who follows portfolios now, and why connections ended."""
        roster = self._roster
        return {
            "connections": len(roster.clients),
            "users": len(roster.by_user),
            "following": len(roster.followers),
            "departures": dict(roster.departures),
        }

    def _plan(self) -> None:
        """See to it that the ticks that wait are sent."""
        if self._ticker.waits:
            now_s = self._lobby.monotonic()
            self._ticks_due.plan(now_s, self._ticker.next_at(now_s))

    # -- liveness

    def _sweep_between_broadcasts(self) -> None:
        """Look after everybody, but not while a price is on its way to the last of them.

        A thousand clients are some 3 ms with their pongs, by which that price would come later.
        """
        now_s = self._lobby.monotonic()
        if self._put_off is not None:
            self._put_off.cancel()
            self._put_off = None
        if self._lobby.floor.under_way is not None and now_s - self._swept_at < SWEEP_S + PUT_OFF_S:
            self._put_off = self.after(LOOK_AGAIN_S, SweepDue())
            return
        self._swept_at = now_s
        self._sweep()

    def _sweep(self) -> None:
        self._turn += 1
        self._plan()  # if what was to remind of a flush was lost
        self._lobby.pulse.beat(self._lobby.now())
        now_s, heartbeat = self._lobby.monotonic(), replies.heartbeat(self._calendar())
        pace = Pace(self._lobby.monotonic)
        for client in self._roster.wheel.due(self._turn):
            needs = care(client, now_s, self._turn)
            if needs is not NOTHING:
                self._give(client, needs, heartbeat)
            pace.step()

    def _give(self, client: Client, needs: Care, heartbeat: bytes) -> None:
        if needs.end is not None:
            end = client.link.evict if needs.abrupt else client.link.close
            end(*needs.end)
        if needs.ping:
            client.link.ping()
            self._roster.refresh(client)
        if needs.heartbeat:
            client.link.send(heartbeat)
            self._portfolios.insist(client)
