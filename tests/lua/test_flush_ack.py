"""Cases of flush_ack.lua: nothing that changed meanwhile is forgotten."""

import pytest
from touchline.domain.trading import Side
from touchline.store import scripts
from touchline.store.keys import State

from tests.fakes.exchange import ANN, Exchange

pytestmark = pytest.mark.external


@pytest.fixture
def traded(exchange: Exchange) -> Exchange:
    """Ann's wallet is at version 2, the treasury's too, her holding and ARS at 1 and 2."""
    exchange.fund(ANN)
    exchange.order(Side.BUY, 1_000)
    return exchange


@pytest.mark.parametrize(
    ("state", "flushed", "left"),
    [
        (State.WALLETS, [("5", 2), ("0", 2)], set()),
        (State.WALLETS, [("5", 1), ("0", 2)], {"5"}),
        (State.WALLETS, [("5", 3)], {"0", "5"}),
        (State.HOLDINGS, [("5:1", 1)], set()),
        (State.HOLDINGS, [("5:1", 0)], {"5:1"}),
        (State.INSTRUMENTS, [("1", 2)], {"2"}),
        (State.WALLETS, [], {"0", "5"}),
    ],
)
def test_only_members_still_at_the_flushed_version_are_forgotten(
    traded: Exchange, state: State, flushed: list[tuple[str, int]], left: set[str]
) -> None:
    before = traded.client.scard(traded.keys.dirty(state))

    removed = traded.scripts.flush_ack({state: flushed})

    assert traded.client.smembers(traded.keys.dirty(state)) == left
    assert removed == before - len(left)


def test_an_absent_hash_is_at_version_zero(exchange: Exchange) -> None:
    exchange.client.sadd(exchange.keys.dirty(State.WALLETS), "77")

    assert exchange.scripts.flush_ack({State.WALLETS: [("77", 0)]}) == 1


def test_many_members_are_acknowledged_in_chunks(exchange: Exchange) -> None:
    members = [str(user) for user in range(100, 100 + 2 * scripts.ACK_CHUNK + 1)]
    exchange.client.sadd(exchange.keys.dirty(State.WALLETS), *members)

    removed = exchange.scripts.flush_ack({State.WALLETS: [(member, 0) for member in members]})

    assert removed == len(members)
