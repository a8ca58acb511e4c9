"""A batch's way through executor, script, writer and Postgres, and against single orders."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.trading.executor import TradeExecutor
from touchline.actors.trading.writer import TradeWriter
from touchline.actors.tree import Tree
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import new_instrument
from touchline.store.commands import CreditCommand
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.scripts import Scripts
from touchline.store.sequence import FactSequence

from tests.api.conftest import Api, Trader, line
from tests.fakes.executor import DirectExecutor
from tests.fakes.facts import facts_in


@pytest.fixture
def trader(api: Api, ada: Trader) -> Iterator[Trader]:
    """Ada, before an API whose orders go through the actors that the api-server has."""
    addresses = Addresses()
    writer, executor = addresses.of("trade-writer"), addresses.of("trade-executor")
    sequence, meter = FactSequence(api.redis, Keys()), api.deps.trades
    tree = Tree.start(
        [
            Child("trade-writer", lambda: TradeWriter(sequence, api.deps.ledger, meter)),
            Child("trade-executor", lambda: TradeExecutor(api.deps.scripts, writer, meter)),
        ],
        name="api-server",
        addresses=addresses,
    )
    yield Trader(api.with_(executor=executor), ada.id, ada.token)
    assert tree.stop(5).clean


def results(trader: Trader, *orders: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = trader.batch(*orders).get_json()["results"]
    return found


def test_fifty_orders_take_one_round_trip(trader: Trader) -> None:
    found = results(trader, *(line(str(number), quantity="0.1") for number in range(50)))

    meter = trader.api.deps.trades
    assert [each["order"]["durable"] for each in found] == ["postgres"] * 50
    assert [each["order"]["seq"] for each in found] == list(range(1, 51))
    assert (meter.batches, meter.batched) == (1, 50)


def test_only_an_order_for_an_amount_parts_the_round_trips(trader: Trader) -> None:
    results(trader, line("a"), line("b"), line("c", notional="50"), line("d"), line("e"))

    meter = trader.api.deps.trades
    assert (meter.batches, meter.batched) == (3, 5)


def test_twenty_equal_batches_at_once_make_every_trade_once(api: Api, trader: Trader) -> None:
    batch = [line("a"), line("b", notional="50"), line("c", side="sell", quantity="0.3"), line("d")]

    asking = [gevent.spawn(results, trader, *batch) for _ in range(20)]
    gevent.joinall(asking, timeout=20, raise_error=True)

    answers = [greenlet.value for greenlet in asking]
    for alike in zip(*answers, strict=True):
        assert {each["status"] for each in alike} == {201}
        assert len({each["order"]["order_id"] for each in alike}) == 1
        assert sum(not each["replayed"] for each in alike) == 1
    assert api.deps.ledger.count_trades() == 4


def test_batches_of_two_people_keep_the_order_of_each(api: Api, trader: Trader) -> None:
    signed_in = api.sign_in("bob@example.com")
    bob = Trader(trader.api, signed_in.id, signed_in.token)
    batch = [line(str(number), quantity="0.1") for number in range(30)]

    asking = [gevent.spawn(results, each, *batch) for each in (trader, bob)]
    gevent.joinall(asking, timeout=20, raise_error=True)

    for greenlet in asking:
        seqs = [each["order"]["seq"] for each in greenlet.value]
        assert seqs == sorted(seqs)


numbers = count()
orders = st.fixed_dictionaries(
    {
        "instrument": st.sampled_from([17, 17, "LIV", "XXX"]),
        "side": st.sampled_from(["buy", "buy", "sell"]),
    },
    optional={
        "price_bound": st.sampled_from(["99.90", "100.15", "101.00"]),
        "client_order_id": st.sampled_from(["mine", "other"]),
    },
)
sizes = st.fixed_dictionaries(
    {"quantity": st.sampled_from(["0.001", "1.000", "5.5", "12", "50.001"])}
) | st.fixed_dictionaries({"notional": st.sampled_from(["0.0100", "99.5", "700", "9999"])})
batches = st.lists(
    st.builds(lambda order, size: order | size, orders, sizes), max_size=8, min_size=1
)


def world(api: Api, ada: Trader) -> tuple[Trader, Keys]:
    """Ada with 2,000 coins in a market of its own, which nobody has traded in."""
    keys = Keys(f"{{{next(numbers)}}}")
    hot, scripts = Hot(api.redis, keys), Scripts(api.redis, keys)
    for idx, symbol in ((17, "ARS"), (18, "LIV")):
        hot.create_instrument(new_instrument(InstrumentIdx(idx), symbol, symbol))
    scripts.wallet_credit(CreditCommand("id", ada.id, "grant", 20_000_000, "a:b", "", 1))
    executor = DirectExecutor(scripts, api.deps.ledger)
    executor.ledger_down = True  # the ledger has room for one market
    return Trader(api.with_(hot=hot, scripts=scripts, executor=executor), ada.id, ada.token), keys


def left(trader: Trader, keys: Keys) -> dict[str, object]:
    """The market's state, and its facts without the ids of trades."""
    hot = trader.api.deps.hot
    facts = facts_in(trader.api.redis, keys.trade_outbox)
    return {
        "wallet": hot.wallet(trader.id),
        "holdings": hot.holdings(trader.id),
        "instruments": hot.instruments(),
        "facts": [{name: value for name, value in fact.items() if name != "id"} for fact in facts],
    }


def said(document: dict[str, Any]) -> dict[str, object]:
    """An answer without what tells a batch from an order alone."""
    names = ("order_id", "instance", "request_id", "errors")
    return {name: value for name, value in document.items() if name not in names}


@settings(max_examples=80)
@given(batch=batches)
def test_a_batch_leaves_and_answers_what_the_same_orders_would_one_after_the_other(
    api: Api, ada: Trader, batch: list[dict[str, object]]
) -> None:
    together, its_keys = world(api, ada)
    apart, their_keys = world(api, ada)

    found = results(
        together, *(order | {"idempotency_key": f"k{n}"} for n, order in enumerate(batch))
    )
    alone = [apart.order(f"k{n}", **order) for n, order in enumerate(batch)]

    assert [(each["status"], said(each.get("order") or each["problem"])) for each in found] == [
        (answer.status_code, said(answer.get_json())) for answer in alone
    ]
    assert left(together, its_keys) == left(apart, their_keys)
