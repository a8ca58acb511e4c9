"""The revocation-teller: what Postgres says has ended is known to Redis, again and again."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg2
import pytest
from structlog.testing import capture_logs
from touchline.actors.revocation_teller import TELL_S, RevocationTeller, TellDue
from touchline.domain.ids import UserId
from touchline.store.revocations import Ended

ONE, TWO = Ended(UserId(5), "one"), Ended(UserId(6), "two")


class Record:
    """What a test says has ended."""

    def __init__(self) -> None:
        self.sessions = [ONE]
        self.away = False

    def ended(self) -> Sequence[Ended]:
        if self.away:
            raise psycopg2.OperationalError("away")
        return self.sessions


class Told:
    """Remembers what it was told, until it forgets."""

    def __init__(self) -> None:
        self.known: set[Ended] = set()

    def tell_missing(self, ended: Sequence[Ended]) -> int:
        missing = set(ended) - self.known
        self.known |= missing
        return len(missing)


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def teller(record: Record, told: Told) -> RevocationTeller:
    teller = RevocationTeller(record, told)
    teller.started()
    return teller


def test_it_tells_at_the_start_and_then_every_minute(teller: RevocationTeller, told: Told) -> None:
    assert told.known == {ONE}
    (timer,) = teller.timers
    assert (timer.seconds, timer.message, timer.repeats) == (TELL_S, TellDue(), True)


def test_what_ended_since_is_told(teller: RevocationTeller, record: Record, told: Told) -> None:
    record.sessions.append(TWO)

    with capture_logs() as lines:
        teller.receive(TellDue())
        teller.receive(TellDue())

    assert told.known == {ONE, TWO}
    assert [line["sessions"] for line in lines] == [1]
    assert teller.detail() == {"missed": 2}


def test_what_is_forgotten_is_told_again(teller: RevocationTeller, told: Told) -> None:
    told.known.clear()

    teller.receive(TellDue())

    assert told.known == {ONE}


def test_an_outage_is_the_supervisors_and_all_is_compared_after_it(
    teller: RevocationTeller, record: Record, told: Told
) -> None:
    record.away = True
    record.sessions.append(TWO)
    with pytest.raises(psycopg2.OperationalError):
        teller.receive(TellDue())
    record.away = False

    RevocationTeller(record, told).started()

    assert told.known == {ONE, TWO}
