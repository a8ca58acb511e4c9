"""A row of clients: each has a place, and a socket there while it can be sent to at once."""

from __future__ import annotations

import _socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.actors.hub.channels import AllBut, within
from touchline.actors.hub.roster import Client
from touchline.actors.hub.row import Row, listens
from touchline.domain.ids import UserId

from tests.fakes.hub import RecordingLink


class DirectLink(RecordingLink):
    """Nothing waits for it, until a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.direct = _socket.socket()


@pytest.fixture
def clients() -> Iterator[list[Client]]:
    made = [Client(DirectLink(), UserId(5), number, opened_at=0.0) for number in range(3)]
    sockets = [client.link.direct for client in made]
    yield made
    for sock in sockets:
        sock.close()


def open_sockets(row: Row) -> list[_socket.socket]:
    return [sock for sock in row.sockets if sock.fileno() >= 0]


def test_clients_keep_their_places_when_others_leave(clients):
    row, (first, second, third) = Row(listens=0), clients
    for client in clients:
        row.add(client)
    row.add(first)  # a second time changes nothing

    row.remove(second)
    row.remove(second)

    assert row.clients == [first, None, third]
    assert open_sockets(row) == [first.link.direct, third.link.direct]
    assert (list(row), len(row)) == ([first, third], 2)


def test_a_place_that_became_free_is_taken_again(clients):
    row, (first, second, third) = Row(listens=0), clients
    row.add(first)
    row.add(second)
    row.remove(first)

    row.add(third)

    assert row.clients == [third, second]
    assert row.sockets == [third.link.direct, second.link.direct]


def test_a_client_that_is_behind_has_no_socket_until_it_caught_up(clients):
    row, (first, second, stranger) = Row(listens=0), clients
    row.add(first)
    row.add(second)
    socket = first.link.direct

    first.link.direct = None
    row.refresh(first)
    row.refresh(stranger)
    assert open_sockets(row) == [second.link.direct]
    assert row.clients == [first, second]

    first.link.direct = socket
    row.refresh(first)
    assert row.sockets == [socket, second.link.direct]


GROUPS = st.one_of(
    st.none(),
    st.frozensets(st.integers(1, 40)),
    st.builds(AllBut, st.frozensets(st.integers(1, 40), min_size=1)),
)


@given(GROUPS, st.integers(1, 60))
def test_a_group_listens_to_what_is_within_it(group, idx):
    assert bool(listens(group) >> idx & 1) == within(group, idx)
