"""The sums of what waiting orders set aside are proved while orders come and go."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.trading import Side
from touchline.store.reservations import LOOKS, Reservations

from tests.fakes.exchange import ANN, BOB
from tests.fakes.failing import Meanwhile
from tests.fakes.waiting import Waiting

pytestmark = pytest.mark.external


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Iterator[Waiting]:
    exchange = Waiting(redis)
    yield exchange
    exchange.prove()


def wrong(exchange: Waiting, client: Any = None) -> list[Any]:
    return list(Reservations(client or exchange.client, exchange.keys).wrong())


def restored(exchange: Waiting) -> int:
    return Reservations(exchange.client, exchange.keys).restore(lambda: None)


def test_sums_that_are_right_pass_before_and_after_a_release(exchange: Waiting) -> None:
    exchange.fund(BOB)
    orders = [exchange.pending(qty=qty, user=user) for qty in (1, 900) for user in (ANN, BOB)]

    assert exchange.hot.wallet(ANN).reserved_e4 == orders[0].reserved_e4 + orders[2].reserved_e4
    assert wrong(exchange) == []
    exchange.release()
    assert wrong(exchange) == []
    assert restored(exchange) == 0


@pytest.mark.parametrize("field", ["rsv", "rpos"])
@pytest.mark.parametrize("waits", [False, True])
def test_a_sum_that_is_wrong_is_found_and_put_right(
    exchange: Waiting, field: str, waits: bool
) -> None:
    reserved_e4 = exchange.pending().reserved_e4 if waits else 0
    exchange.client.hincrby(exchange.keys.wallet(ANN), field, 7)
    found = (reserved_e4 + 7, 0) if field == "rsv" else (reserved_e4, 7)

    [offender] = wrong(exchange)

    assert offender == {"user": ANN, "found": found, "wanted": (reserved_e4, 0)}
    assert (restored(exchange), wrong(exchange)) == (1, [])


def test_a_sum_that_is_no_number_is_found_and_put_right(exchange: Waiting) -> None:
    exchange.client.hset(exchange.keys.wallet(ANN), "rsv", "much")

    [offender] = wrong(exchange)

    assert (offender["found"], offender["wanted"]) == ((-1, 0), (0, 0))
    assert restored(exchange) == 1


def test_a_sum_that_has_lost_its_order_is_found(exchange: Waiting) -> None:
    order = exchange.pending()
    exchange.client.hdel(exchange.keys.wallet(ANN), "rsv")

    [offender] = wrong(exchange)

    assert (offender["found"], offender["wanted"]) == ((0, 0), (order.reserved_e4, 0))
    assert restored(exchange) == 1


@pytest.mark.parametrize("times", [1, LOOKS - 1])
def test_orders_filed_between_two_looks_are_no_offence(exchange: Waiting, times: int) -> None:
    exchange.pending()
    client: Any = Busy(exchange.client, times, lambda: exchange.pending(Side.BUY, 1))

    assert wrong(exchange, client) == []
    assert client.left == 0


def test_an_order_filed_while_a_sum_is_put_right_counts(exchange: Waiting) -> None:
    exchange.pending()
    exchange.client.hincrby(exchange.keys.wallet(ANN), "rsv", 7)
    # Named between what is read first and what is written last.
    keys: Any = Meanwhile(exchange.keys, "order", lambda: exchange.pending(Side.BUY, 1))

    Reservations(exchange.client, keys).restore(lambda: None)

    assert wrong(exchange) == []


class Busy:
    """A client on which something happens before each of its next transactions."""

    def __init__(self, client: Any, times: int, happens: Any) -> None:
        self._client, self._happens, self.left = client, happens, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def pipeline(self, transaction: bool) -> Any:
        if transaction and self.left:
            self.left -= 1
            self._happens()
        return self._client.pipeline(transaction=transaction)
