"""One shard of the hub: sends prices and portfolios to its users' connections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from ...domain.clock import Calendar
from ...domain.ids import InstrumentIdx
from ..actor import Actor
from ..timer import Timer
from . import replies
from .broadcast import portions, send_prices
from .desk import Boards, Desk
from .liveness import NOTHING, Care, care
from .lobby import Lobby
from .messages import (
    BulletinPosted,
    BulletinsRead,
    ClientJoined,
    ClientSpoke,
    FlushDue,
    PortfolioMissed,
    PortfolioMoved,
    PortfolioRead,
    PriceMoved,
    PricesRead,
    ShardMessage,
    SweepDue,
    TicksDue,
)
from .notices import Notices
from .pace import Pace
from .portfolios import Portfolios
from .roster import Client
from .tempo import Tempo
from .ticker import Ticker

SWEEP_S = 1.0
PUT_OFF_S = 0.25  #: longest wait of a sweep for prices to be sent
LOOK_AGAIN_S = 0.005  #: between two looks whether they have been
#: A flush that is so late was lost: a mailbox that overflows gives up its oldest messages.
LOST_S = 1.0


@dataclass(slots=True)
class Planned:
    """A message of the shard to itself, on its way at most once.

    Attributes:
        at_s: when it is due, in monotonic seconds; None while none is on its way.
        timer: of one that is not due yet.
    """

    message: FlushDue | TicksDue
    at_s: float | None = None
    timer: Timer | None = None

    def came(self) -> None:
        """Note that it is here."""
        self.at_s = self.timer = None


class Shard(Actor[ShardMessage]):
    """Fans prices and portfolios out to the connections of its users.

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
        self._board = lobby.boards[number]
        noticeboard = lobby.noticeboards[number]
        tape = lobby.tapes[number]
        self._ticker = Ticker(self._roster, self._board, tape, lobby.monotonic)
        boards = Boards(self._board, tape, noticeboard)
        self._desk = Desk(self._roster, boards, self._ticker, lobby.subscriber, calendar)
        self._notices = Notices(self._roster, noticeboard, lobby.monotonic)
        self._portfolios = Portfolios(self._roster, self._board, lobby.subscriber)
        self._turn = 0
        self._tempo = Tempo()
        self._flush_due = Planned(FlushDue())
        self._ticks_due = Planned(TicksDue())
        self._swept_at = float("-inf")  # monotonic seconds
        self._put_off: Timer | None = None  # for a sweep that lets prices go first

    def started(self) -> None:
        """Take the roster over from the lobby, and send what waited or had not got to everybody."""
        self._roster.rebuild()
        self._show(tuple(self._board.unsent))
        self._ticker.take_over()
        self._notices.start()
        self._plan()
        # Each in its part of the second: all at once they would hold up prices for 10 ms.
        turn = (self._number + 1) / len(self._lobby.shards)
        self.every(SWEEP_S, SweepDue(), first_s=SWEEP_S * turn)

    def receive(self, message: ShardMessage) -> None:
        """Handle one message."""
        match message:
            case PriceMoved(move):
                self._board.moved(move)
                self._ticker.moved(move)
                self._plan()
            case PortfolioMoved() | PortfolioRead() | PortfolioMissed():
                self._portfolios.tell(message)
            case FlushDue() | TicksDue():
                self._send_due(message)
            case ClientJoined() | ClientSpoke():
                self._desk.serve(message)
            case BulletinPosted() | BulletinsRead():
                self._notices.tell(message)
            case PricesRead():
                self._read(message)
            case SweepDue():
                self._sweep_between_broadcasts()
            case _:
                assert_never(message)

    def detail(self) -> Mapping[str, object]:
        """Connections, users and different subscriptions now, and why connections ended."""
        roster = self._roster
        return {
            "connections": len(roster.clients),
            "users": len(roster.by_user),
            "groups": len(roster.groups),
            "following": len(roster.followers),
            "departures": dict(roster.departures),
        }

    # -- prices

    def _plan(self) -> None:
        now_s, board = self._lobby.monotonic(), self._board
        if board.dirty:
            self._plan_one(
                self._flush_due, now_s, now_s if board.urgent else self._tempo.next_at(now_s)
            )
        if self._ticker.waits:
            self._plan_one(
                self._ticks_due, now_s, now_s if board.urgent else self._ticker.next_at(now_s)
            )

    def _plan_one(self, planned: Planned, now_s: float, at_s: float) -> None:
        if planned.at_s is not None and planned.at_s <= at_s < planned.at_s + LOST_S:
            return
        if planned.timer is not None:
            planned.timer.cancel()
            planned.timer = None
        planned.at_s = at_s
        if at_s > now_s:
            planned.timer = self.after(at_s - now_s, planned.message)
        else:
            self.me.tell(planned.message)  # so what is in the mailbox already goes out with it

    def _send_due(self, what: FlushDue | TicksDue) -> None:
        if isinstance(what, TicksDue):
            self._ticks_due.came()
            self._ticker.flush()
        else:
            self._flush_due.came()
            self._flush()
        self._plan()

    def _flush(self) -> None:
        due = self._board.flush()
        if due:
            self._tempo.went_out(self._lobby.monotonic(), len(due))
            pace = Pace(self._lobby.monotonic)
            self._lobby.broadcasts += 1
            try:
                send_prices(portions(self._roster.groups, due), self._lobby.traffic, pace)
            finally:
                self._lobby.broadcasts -= 1
            self._board.all_sent()

    def _read(self, read: PricesRead) -> None:
        # Either way the subscriber reads portfolios, too.
        if read.epoch != self._board.epoch:
            self._portfolios.begin_anew()
        elif read.relinked:
            self._portfolios.resume()
        self._ticker.read(read)
        self._show(self._board.read(read.epoch, read.prices))

    def _show(self, changed: Iterable[InstrumentIdx]) -> None:
        snapshots = {idx: self._board.snapshot(idx) for idx in changed}
        pace = Pace(self._lobby.monotonic)
        for row, joined, frames in portions(self._roster.groups, snapshots):
            for client in row:
                client.link.send(joined, supersedes=frames, messages=len(frames))
                pace.step()
        self._board.all_sent()

    # -- liveness

    def _sweep_between_broadcasts(self) -> None:
        """Look after everybody, but not while a price is on its way to the last of them.

        A thousand clients are some 3 ms with their pongs, by which that price would come later.
        """
        now_s = self._lobby.monotonic()
        if self._put_off is not None:
            self._put_off.cancel()
            self._put_off = None
        if self._lobby.broadcasts and now_s - self._swept_at < SWEEP_S + PUT_OFF_S:
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
        for client in tuple(self._roster.clients):
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
        if needs.heartbeat:
            client.link.send(heartbeat)
            self._portfolios.insist(client)
