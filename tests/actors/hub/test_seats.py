"""How many connections are promised, and who has a place."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest
from touchline.actors.hub.lobby import PER_USER, seats_for

from tests.actors.hub.conftest import ANN, BOB

SEATS = 10  #: of the stage


@pytest.fixture
def few_files() -> Iterator[int]:
    """As many files as this process may open meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (900, hard))
    yield 900
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_no_more_seats_are_promised_than_files_can_be_opened(few_files):
    assert seats_for(20_000) == few_files - 256
    assert seats_for(100) == 100


def test_a_seat_is_taken_from_the_beginning_of_a_handshake_and_given_back_once(stage):
    seats = [stage.lobby.reserve() for _ in range(SEATS)]

    assert None not in seats
    assert (stage.lobby.room, stage.lobby.reserve()) == (0, None)

    seats[0].give_back()
    seats[0].give_back()

    assert stage.lobby.room == 1


def test_a_user_has_eight_seats_and_another_one_their_own(stage):
    seats = [stage.lobby.reserve() for _ in range(PER_USER + 1)]

    assert [seat.claim(ANN) for seat in seats] == [True] * PER_USER + [False]
    assert seats[-1].claim(BOB)
