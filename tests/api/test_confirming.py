"""Confirming by Postgres: it is asked, but not waited for as long as it likes."""

import pytest
from gevent.event import Event
from psycopg2 import OperationalError
from touchline.http.confirming import confirmed


def away() -> str:
    raise OperationalError("the database system is shutting down")


def mistaken() -> str:
    raise KeyError("a mistake")


def silent() -> str:
    Event().wait()
    return "postgres"


def test_what_postgres_says_is_what_counts() -> None:
    assert confirmed(lambda: "postgres", "redis") == "postgres"


@pytest.mark.parametrize("ask", [away, silent])
def test_a_postgres_that_says_nothing_confirms_nothing(ask) -> None:
    assert confirmed(ask, "redis", within_s=0.01) == "redis"


def test_a_bug_is_no_silence() -> None:
    with pytest.raises(KeyError):
        confirmed(mistaken, "redis")
