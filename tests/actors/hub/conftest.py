"""A lobby between recording addresses, on a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import Raw
from touchline.actors.hub.board import Price
from touchline.actors.hub.bulletins import Bulletin
from touchline.actors.hub.channels import GroupKey
from touchline.actors.hub.lobby import Lobby
from touchline.actors.hub.messages import BoardMoved, FlushDue
from touchline.actors.hub.prices import Prices
from touchline.actors.hub.roster import Client
from touchline.domain.ids import InstrumentIdx, UserId

from tests.fakes.addresses import RecordingAddress
from tests.fakes.clock import FakeClock
from tests.fakes.hub import RecordingLink

ANN, BOB = UserId(5), UserId(6)
LIFE = 7  #: the epoch of all that is shown at first


class Stage:
    """One shard's worth of hub without sockets: what it sends and whom it tells."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.shard = RecordingAddress("hub-0")
        self.prices = RecordingAddress("prices")
        self.subscriber = RecordingAddress("subscriber")
        self.presence = RecordingAddress("presence")
        self.lobby = Lobby(
            (self.shard,),
            self.prices,
            self.subscriber,
            self.presence,
            seats=10,
            calendar=self.clock.calendar,
            monotonic=self.clock.monotonic,
        )
        self.quotes, self.roster = self.lobby.quotes, self.lobby.rosters[0]
        self.board, self.tape = self.quotes.board, self.quotes.tapes[0]
        self.noticeboard = self.lobby.noticeboards[0]
        self.board.read(LIFE, [price(1, 10), price(2, 20)])
        self.board.show()
        self.board.all_sent()
        self.roster.epoch = LIFE
        fixtures = ((8, 30), (9, 31))
        self.noticeboard.read(
            "fixture", LIFE, [bulletin(fixture, seq) for fixture, seq in fixtures]
        )

    def flush(self) -> None:
        """Send everybody what waits on the board."""
        for message in (BoardMoved(), FlushDue()):
            Prices(self.lobby).receive(message)

    def groups(self) -> dict[GroupKey, set[Client]]:
        """Who listens to the same prices."""
        found: dict[GroupKey, set[Client]] = {}
        for client in self.lobby.floor.of(0):
            found.setdefault(client.group, set()).add(client)
        return found

    def seat(self, user: UserId = ANN) -> tuple[Client, RecordingLink]:
        """A client of *user* that sits in the shard."""
        link = RecordingLink()
        number = self.lobby.next_number()
        client = Client(link, user, number, self.clock.monotonic())
        self.lobby.joined(client)
        return client, link


def price(idx: int, seq: int, mark: str = "100.0000", **data: str) -> Price:
    """Instrument *idx* at tick *seq*."""
    return Price(InstrumentIdx(idx), seq, {"idx": idx, "mark": mark, **data})


def bulletin(fixture: int, seq: int) -> Bulletin:
    """A fixture under number *seq*."""
    return Bulletin(LIFE, f"fixture:{fixture}", seq, Raw(b'{"id": %d}' % fixture))


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def make_price() -> Callable[..., Price]:
    return price
