"""The commands that are no service: what cannot work ends them with one line and exit code 2."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from touchline.config import Servers
from touchline.services.books import BooksUnreadable, reconcile_books
from touchline.store.embedded import Addresses
from touchline.store.keys import State
from touchline.store.postgres import Postgres

from tests.fakes.bookkeeping import Books
from tests.processes import refusal

NOWHERE = Path("/nowhere")


@pytest.fixture
def given(servers: Addresses) -> Servers:
    """Servers that can be reconciled."""
    return Servers(servers.redis_url, servers.database_url, "")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"redis_url": "unix:///nowhere.sock"}, "ConnectionError: "),
        ({"database_url": "postgresql:///touchline?host=/nowhere"}, "OperationalError: "),
    ],
)
def test_books_on_servers_that_are_away_are_not_called_wrong(
    given: Servers, change: dict[str, str], line: str
) -> None:
    with pytest.raises(BooksUnreadable, match=f"cannot read the books: {line}"):
        reconcile_books(replace(given, **change), NOWHERE, as_json=True)


def test_a_redis_without_the_database_asked_for_is_not_called_wrong(given: Servers) -> None:
    url = given.redis_url.replace("db=0", "db=9999")

    with pytest.raises(BooksUnreadable, match="DB index is out of range"):
        reconcile_books(replace(given, redis_url=url), NOWHERE, as_json=True)


def test_a_database_of_another_program_is_not_called_wrong(given: Servers) -> None:
    url = given.database_url.replace("/touchline?", "/postgres?")

    with pytest.raises(BooksUnreadable, match=r'relation "\w+" does not exist'):
        reconcile_books(replace(given, database_url=url), NOWHERE, as_json=True)


def test_reconcile_marks_what_a_flusher_has_forgotten_if_it_is_told_to(
    given: Servers, redis: Redis, pg: Postgres
) -> None:
    books = Books(redis, pg)
    books.open()
    books.drain().facts()
    redis.delete(*(books.keys.dirty(state) for state in State))

    found = reconcile_books(given, NOWHERE, as_json=True)
    again = reconcile_books(given, NOWHERE, as_json=True, mark=True)
    books.drain().everything()

    assert (found, again) == (1, 1)
    assert reconcile_books(given, NOWHERE, as_json=True) == 0


def test_reconcile_says_in_one_line_that_it_cannot_look() -> None:
    away = {
        "REDIS_URL": "unix:///nowhere.sock",
        "DATABASE_URL": "postgresql:///touchline?host=/nowhere",
    }

    assert refusal("reconcile", "--json", **away).startswith("touchline: cannot read the books: ")


def test_a_match_server_says_in_one_line_that_its_port_is_taken(taken: int) -> None:
    line = refusal("match-server", "--port", str(taken))

    assert line.startswith(f"touchline: port {taken}: Address already in use")
