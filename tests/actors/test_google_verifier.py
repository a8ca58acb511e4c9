"""The google-verifier: when it asks, what it keeps, and what it says when Google is away."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import gevent.event
import pytest
from structlog.testing import capture_logs
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.google.google_verifier import GoogleVerifier
from touchline.actors.google.messages import FetchDue, KeyMissed
from touchline.actors.tree import Tree
from touchline.domain.google_keys import FORCED_S, STALE_S, KeyList
from touchline.store.google_keys import Shelf
from touchline.store.web import NoAnswer

from tests.fakes.clock import FakeClock

OLD, NEW = KeyList({"old": "pem old"}, 3600.0, '"1"'), KeyList({"new": "pem new"}, 3600.0, '"2"')


class Google:
    """Answers as told, and counts."""

    def __init__(self) -> None:
        self.answer: KeyList | float | NoAnswer | None = OLD
        self.asked: list[str | None] = []
        self.held: gevent.event.Event | None = None

    def fetch(self, etag: str | None) -> KeyList | float | None:
        self.asked.append(etag)
        if self.held is not None:
            self.held.wait(5.0)
        if isinstance(self.answer, NoAnswer):
            raise self.answer
        return self.answer


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def verifier(google: Google, clock: FakeClock, shelf: Shelf) -> GoogleVerifier:
    return GoogleVerifier(google, shelf, clock.monotonic, lambda: 0.0)


def waits(verifier: GoogleVerifier) -> list[float]:
    return [timer.seconds for timer in verifier.timers]


def test_it_puts_the_keys_on_the_shelf_and_plans_the_next_look(
    verifier: GoogleVerifier, shelf: Shelf
) -> None:
    verifier.receive(FetchDue())

    assert shelf.ring.listed == OLD.keys
    assert waits(verifier) == [3600.0]
    assert verifier.detail()["ailing"] == ""


def test_it_names_the_list_it_has(verifier: GoogleVerifier, google: Google, shelf: Shelf) -> None:
    verifier.receive(FetchDue())
    google.answer = 7200.0  # still the same

    verifier.receive(FetchDue())

    assert google.asked == [None, '"1"']
    assert shelf.ring.listed == OLD.keys
    assert waits(verifier) == [7200.0]


def test_an_unknown_key_makes_it_look_once(
    verifier: GoogleVerifier, google: Google, shelf: Shelf, clock: FakeClock
) -> None:
    verifier.receive(FetchDue())
    google.answer = NEW

    for _ in range(3):
        verifier.receive(KeyMissed("new"))

    assert len(google.asked) == 2
    assert shelf.ring.find("new", clock.monotonic()) == "pem new"
    assert shelf.ring.find("old", clock.monotonic()) == "pem old"
    assert waits(verifier) == [3600.0]


def test_key_ids_that_were_made_up_make_it_look_once_a_minute(
    verifier: GoogleVerifier, google: Google, clock: FakeClock
) -> None:
    verifier.receive(FetchDue())

    for number in range(50):
        verifier.receive(KeyMissed(f"made up {number}"))
    clock.advance(FORCED_S - 1)
    verifier.receive(KeyMissed("made up"))
    within_a_minute = len(google.asked)
    clock.advance(1)
    verifier.receive(KeyMissed("made up"))

    assert (within_a_minute, len(google.asked)) == (2, 3)


def test_while_google_is_away_the_keys_go_on_working_and_it_asks_ever_more_rarely(
    verifier: GoogleVerifier, google: Google, shelf: Shelf, clock: FakeClock
) -> None:
    verifier.receive(FetchDue())
    google.answer = NoAnswer("no answer in 3 s")

    pauses = []
    with capture_logs() as logs:
        for _ in range(9):
            verifier.receive(FetchDue())
            pauses += waits(verifier)

    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert shelf.ring.find("old", clock.monotonic()) == "pem old"
    assert [line["event"] for line in logs] == ["google keys cannot be read"]
    assert verifier.detail()["ailing"] == ""


def test_keys_that_nobody_could_renew_for_twelve_hours_are_an_ailment(
    verifier: GoogleVerifier, google: Google, clock: FakeClock
) -> None:
    verifier.receive(FetchDue())
    google.answer = NoAnswer("HTTP 500")
    clock.advance(STALE_S + 1)

    verifier.receive(FetchDue())

    assert verifier.detail()["ailing"] == "Google's keys are 12 h old: HTTP 500"


def test_when_google_is_back_all_is_well(
    verifier: GoogleVerifier, google: Google, clock: FakeClock
) -> None:
    google.answer = NoAnswer("HTTP 500")
    verifier.receive(FetchDue())
    assert verifier.detail()["ailing"] == "Google's keys were never read: HTTP 500"
    google.answer = OLD

    with capture_logs() as logs:
        verifier.receive(FetchDue())

    assert (verifier.detail()["ailing"], verifier.detail()["failures"]) == ("", 0)
    assert [line["event"] for line in logs] == ["google keys are back"]
    assert waits(verifier) == [3600.0]


@pytest.fixture
def tree(google: Google, shelf: Shelf) -> Iterator[tuple[Tree, Addresses]]:
    addresses = Addresses()
    clock = FakeClock()
    child = Child("google-verifier", lambda: GoogleVerifier(google, shelf, clock.monotonic))
    tree = Tree.start([child], name="root", addresses=addresses)
    yield tree, addresses
    tree.stop(5.0)


def test_a_crowd_with_a_new_key_waits_for_one_look(
    tree: tuple[Tree, Addresses], google: Google, shelf: Shelf
) -> None:
    verifier = tree[1].of("google-verifier")
    verifier.ask(KeyMissed("old"))  # behind the first look
    google.answer, google.held = NEW, gevent.event.Event()
    crowd = [gevent.spawn(verifier.ask, KeyMissed("new")) for _ in range(30)]
    gevent.idle()

    google.held.set()
    gevent.joinall(crowd, raise_error=True, timeout=5.0)

    assert all(each.ready() for each in crowd)
    assert len(google.asked) == 2
    assert "new" in shelf.ring.listed


def test_its_successor_finds_the_keys_where_they_were(
    tree: tuple[Tree, Addresses], google: Google, shelf: Shelf
) -> None:
    verifier = tree[1].of("google-verifier")
    verifier.ask(KeyMissed("old"))
    google.answer = "nonsense"  # type: ignore[assignment]

    verifier.tell(FetchDue())
    google.answer = NoAnswer("away")
    verifier.ask(KeyMissed("old"))

    assert shelf.ring.listed == OLD.keys
