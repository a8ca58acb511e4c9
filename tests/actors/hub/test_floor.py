"""The floor: each client has a place, and a socket there while it can be sent to at once."""

from __future__ import annotations

import _socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.actors.hub.channels import AllBut, Channels, within
from touchline.actors.hub.floor import Floor, listens
from touchline.actors.hub.roster import Client
from touchline.domain.ids import InstrumentIdx, UserId

from tests.fakes.hub import RecordingLink


class DirectLink(RecordingLink):
    """Nothing waits for it, until a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.direct = _socket.socket()


class Going:
    """A broadcast under way."""

    def __init__(self) -> None:
        self.settled: list[int] = []

    def settle(self, place: int) -> None:
        self.settled.append(place)


@pytest.fixture
def clients() -> Iterator[list[Client]]:
    one = Channels(frozenset({InstrumentIdx(1)}))
    made = [
        Client(DirectLink(), UserId(5), number, opened_at=0.0, channels=one) for number in range(3)
    ]
    sockets = [client.link.direct for client in made]
    yield made
    for sock in sockets:
        sock.close()


def open_sockets(floor: Floor) -> list[_socket.socket]:
    return [sock for sock in floor.sockets if sock.fileno() >= 0]


def test_clients_keep_their_places_when_others_leave(clients):
    floor, (first, second, third) = Floor(), clients
    for client in clients:
        floor.add(client, 0)
    floor.add(first, 0)  # a second time changes nothing

    floor.remove(second)
    floor.remove(second)

    assert floor.clients == [first, None, third]
    assert open_sockets(floor) == [first.link.direct, third.link.direct]
    assert floor.listens == [2, 0, 2]
    assert (list(floor.of(0)), len(floor)) == ([first, third], 2)


def test_the_first_place_that_became_free_is_taken_again(clients):
    floor, (first, second, third) = Floor(), clients
    for client in clients:
        floor.add(client, 0)
    for client in (third, first, second):
        floor.remove(client)

    for client in clients:
        floor.add(client, 0)

    assert floor.clients == [first, second, third]


def test_a_broadcast_under_way_passes_by_the_places_of_those_who_come(clients):
    floor, (first, second, third) = Floor(), clients
    for client in clients:
        floor.add(client, 0)
    floor.under_way = going = Going()
    for client in (first, second):
        floor.remove(client)

    floor.add(second, 0)
    floor.add(first, 0)
    floor.settle(third)

    assert floor.clients == [second, first, third]
    assert going.settled == [0, 1, 2]


def test_a_floor_is_as_long_as_its_last_client_stands(clients):
    floor, (first, second, third) = Floor(), clients
    for client in clients:
        floor.add(client, 0)

    floor.remove(second)
    floor.remove(third)
    assert (floor.clients, len(floor.sockets), len(floor.listens)) == ([first], 1, 1)

    for client in (third, second):
        floor.add(client, 0)
    assert floor.clients == [first, third, second]
    floor.remove(first)
    floor.add(first, 0)
    assert floor.clients == [first, third, second]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=60))
def test_nobody_shares_a_place_and_there_are_no_more_than_there_were_clients(steps):
    floor, one = Floor(), Channels(frozenset({InstrumentIdx(1)}))
    clients = [Client(RecordingLink(), UserId(5), n, opened_at=0.0, channels=one) for n in range(6)]
    here: set[Client] = set()

    for number, comes, under_way in steps:
        floor.under_way = Going() if under_way else None
        (floor.add(clients[number], 0) if comes else floor.remove(clients[number]))
        (here.add if comes else here.discard)(clients[number])
        there = [client for client in floor.clients if client is not None]
        assert sorted(c.number for c in there) == sorted(c.number for c in here)
        assert all(
            (client is None) == (bits == 0)
            for client, bits in zip(floor.clients, floor.listens, strict=True)
        )
    assert len(floor.clients) <= 6


def test_who_listens_to_no_conflated_price_needs_no_place(clients):
    floor, (client, *_) = Floor(), clients
    client.channels = Channels(portfolio=True)

    floor.add(client, 0)

    assert len(floor) == 0
    assert floor.wants(client) == 0


def test_each_shard_finds_its_own(clients):
    floor, (first, second, third) = Floor(), clients
    floor.add(first, 0)
    floor.add(second, 1)
    floor.add(third, 0)

    assert (list(floor.of(0)), list(floor.of(1))) == ([first, third], [second])


def test_a_client_that_is_behind_has_no_socket_until_it_caught_up(clients):
    floor, (first, second, stranger) = Floor(), clients
    floor.add(first, 0)
    floor.add(second, 0)
    socket = first.link.direct

    first.link.direct = None
    floor.refresh(first)
    floor.refresh(stranger)
    assert open_sockets(floor) == [second.link.direct]
    assert floor.clients == [first, second]

    first.link.direct = socket
    floor.refresh(first)
    assert floor.sockets == [socket, second.link.direct]


GROUPS = st.one_of(
    st.none(),
    st.frozensets(st.integers(1, 40)),
    st.builds(AllBut, st.frozensets(st.integers(1, 40), min_size=1)),
)


@given(GROUPS, st.integers(1, 60))
def test_a_group_listens_to_what_is_within_it(group, idx):
    assert bool(listens(group) >> idx & 1) == within(group, idx)
