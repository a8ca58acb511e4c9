"""The session-watcher: whose session is over is closed with 4401, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from touchline.actors.hub.messages import LookDue, SessionEnded
from touchline.actors.hub.session_watcher import SessionWatcher
from touchline.domain.ids import UserId
from touchline.store.revocations import Ended

from tests.actors.hub.conftest import ANN, BOB, Stage
from tests.fakes.hub import RecordingLink


class Ends:
    """A subscription on which nothing is heard."""

    def open(self) -> None:
        """Nothing to do."""

    def messages(self) -> Iterator[Ended]:
        yield from ()

    def close(self) -> None:
        """Nothing to do."""


class Ledger:
    """What a test says has ended, by when."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, Ended]] = []
        self.asked: list[int | None] = []
        self.now_ms = 1_000

    def since(self, ms: int | None) -> tuple[int, list[Ended]]:
        self.asked.append(ms)
        return self.now_ms, [each for at, each in self.ended if ms is None or at > ms]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def watcher(stage: Stage, ledger: Ledger) -> SessionWatcher:
    watcher = SessionWatcher(Ends, ledger, stage.lobby)
    watcher._ends = Ends()
    return watcher


def seat(stage: Stage, user: UserId, session: str) -> RecordingLink:
    client, link = stage.seat(user)
    client.session = session
    return link


def test_all_connections_of_a_session_are_closed_and_no_others(
    stage: Stage, watcher: SessionWatcher
) -> None:
    here, also, other = (seat(stage, ANN, name) for name in ("one", "one", "two"))
    stranger = seat(stage, BOB, "one")

    watcher.receive(SessionEnded(Ended(ANN, "one")))

    closed = (4401, "the session has ended")
    assert (here.ended, also.ended) == (closed, closed)
    assert (other.ended, stranger.ended) == (None, None)


def test_an_end_that_nobody_heard_of_is_found(
    stage: Stage, watcher: SessionWatcher, ledger: Ledger
) -> None:
    link = seat(stage, ANN, "one")
    watcher.receive(LookDue())
    ledger.ended.append((2_000, Ended(ANN, "one")))
    unheard = link.ended

    watcher.receive(LookDue())

    assert unheard is None
    assert link.ended == (4401, "the session has ended")


def test_it_looks_from_where_it_looked_last(watcher: SessionWatcher, ledger: Ledger) -> None:
    watcher.receive(LookDue())
    ledger.now_ms = 6_000
    watcher.receive(LookDue())
    watcher.receive(LookDue())

    assert ledger.asked == [None, 1_000, 6_000]


def test_the_end_of_a_session_without_connections_is_no_matter(watcher: SessionWatcher) -> None:
    watcher.receive(SessionEnded(Ended(ANN, "one")))

    assert watcher.detail() == {"closed": 0}
