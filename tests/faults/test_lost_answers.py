"""An answer of Redis or Postgres is lost on its way, after what was asked for has been done."""

from __future__ import annotations

from uuid import uuid4

import pytest

from .linked import Linked
from .person import Person, Said
from .proxy import Proxy
from .servers import POSTGRESQL, VALKEY

pytestmark = pytest.mark.long

#: What only a trade sends to Postgres; to Redis it is the key it is remembered by.
TRADE = b"INSERT INTO trades"
AT = [0, 25]  #: bytes of the answer that arrive


def someone(linked: Linked) -> Person:
    """A new user of the first api-server."""
    return Person(f"emma-{uuid4().hex}", linked.exchange.services["api-server"].url)


def api_link(linked: Linked, server: str) -> Proxy:
    return linked.links.of("api-server", server)


def bought(trader: Person, linked: Linked) -> Said:
    """What the trader is told, who buys one thing only, again and again."""
    body = {"instrument": linked.exchange.clients[0].club, "side": "buy", "quantity": "0.010"}
    return trader.ask("POST", "/v1/orders", body, Idempotency_Key=f"only-{trader.id}")


@pytest.mark.parametrize("after", AT)
def test_a_script_whose_answer_was_lost_is_answered_by_its_replay(
    linked: Linked, after: int
) -> None:
    exchange, trader, link = linked.exchange, someone(linked), api_link(linked, VALKEY)
    with linked.fault() as seen:
        link.lose_answer(f":{trader.id}:only-".encode(), after)
        first = bought(trader, linked)
        link.wait_for_loss()
        exchange.wait(lambda: bought(trader, linked).status == 201)
        second = bought(trader, linked)
        exchange.recovers()

    assert (first.status, first.body["code"]) == (503, "OUTCOME_UNKNOWN")
    assert second.replayed
    assert linked.trades_of(trader) == [second.body["order_id"]]
    seen.waited_out()
    exchange.has_every_trade_once()


@pytest.mark.parametrize("after", AT)
def test_an_insert_whose_answer_was_lost_is_there_once(linked: Linked, after: int) -> None:
    exchange, trader, link = linked.exchange, someone(linked), api_link(linked, POSTGRESQL)
    with linked.fault() as seen:
        link.lose_answer(TRADE, after)
        said = bought(trader, linked)
        link.wait_for_loss()
        exchange.recovers()

    assert said.status == 201
    assert linked.trades_of(trader) == [said.body["order_id"]]
    seen.waited_out()
    exchange.has_every_trade_once()


@pytest.mark.parametrize(("server", "asked"), [(POSTGRESQL, b"COMMIT"), (VALKEY, b"dirty:wallets")])
def test_a_flush_whose_answer_was_lost_is_done_again(
    linked: Linked, server: str, asked: bytes
) -> None:
    exchange = linked.exchange
    leader = exchange.wait(lambda: exchange.holder("flusher"))
    link = linked.links.of(exchange.name_of(leader), server)
    with linked.fault() as seen:
        link.lose_answer(asked)
        link.wait_for_loss()
        exchange.recovers()

    seen.waited_out()
    exchange.has_every_trade_once()


def test_what_is_sent_again_is_answered_while_postgres_does_not_answer(linked: Linked) -> None:
    trader, club = someone(linked), linked.exchange.clients[0].club
    first, position = bought(trader, linked), trader.opens(club)
    shut = f"/v1/positions/{position}/close"
    closed = trader.ask("POST", shut, {}, Idempotency_Key="shut")
    with linked.fault():
        api_link(linked, POSTGRESQL).black_hole()
        again = bought(trader, linked)
        closed_again = trader.ask("POST", shut, {}, Idempotency_Key="shut")
    linked.exchange.recovers()

    assert (first.body["durable"], closed.body["durable"]) == ("postgres", "postgres")
    assert again.replayed
    assert again.body == first.body | {"durable": "redis"}  # what nobody confirms is not promised
    assert closed_again.replayed
    assert closed_again.body == closed.body | {"durable": "redis"}
