"""Decoding what is on Redis, and refusing what is not ours."""

import json

import msgspec
import pytest
from touchline.domain.halts import Halt, Phase
from touchline.domain.orders import TradeTerms
from touchline.domain.positions import CloseReason
from touchline.domain.pushes import OrderPush, PortfolioEvent, ReplayedClose, ReplayPush
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.order_wire import order_entry as order_entry_of
from touchline.store.wire import (
    decode_portfolio,
    decode_price,
    entry_of,
    idem_hash,
    refusal_of,
)

from tests.fakes.facts import order_entry

PRICE = {
    "i": 17, "s": 48191, "id": "1792854300123-0", "t": 1792854300123, "b": 1, "a": 2, "m": 3,
    "mid": 4, "w": "feed", "h": 5, "p": "live",
}  # fmt: skip

REPLAY = {
    "from": 1_000, "to": 2_000, "checked_ticks": 7,
    "closed": [
        {
            "position_id": "0192-pos", "reason": "stop_loss", "tick_time": 1_500,
            "price": 959_000, "pnl": -400_000,
        }
    ],
}  # fmt: skip


def test_a_price_message_is_read_field_by_field() -> None:
    tick = decode_price(json.dumps(PRICE))

    assert (tick.idx, tick.seq, tick.id, tick.at_ms) == (17, 48191, PRICE["id"], PRICE["t"])
    assert (tick.bid_px, tick.ask_px, tick.mark_px, tick.mid_px) == (1, 2, 3, 4)
    assert (tick.why, tick.halt, tick.phase) == (
        "feed",
        Halt.MATCH_SUSPENDED | Halt.EVENT,
        Phase.LIVE,
    )


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"{}", json.dumps(PRICE | {"s": "x"}), json.dumps(PRICE | {"p": "odd"})],
)
def test_a_price_message_that_is_not_ours_is_refused(payload: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_price(payload)


def test_a_push_of_a_kind_not_known_yet_is_left_alone() -> None:
    payload = json.dumps({"s": 1, "e": "news", "d": {"fact": []}})

    assert decode_portfolio(payload) is None


@pytest.mark.parametrize(
    "payload",
    [
        {"s": 1, "e": "fill", "d": []},
        {"s": 1, "e": "wallet", "d": {"fact": "kind"}},
        {"s": 1, "e": "position_closed"},
        {"s": 1, "e": "replay", "d": {"fact": []}},
        {"s": 1, "e": "replay", "d": REPLAY | {"checked_ticks": "many"}},
    ],
)
def test_a_push_that_is_not_ours_is_refused(payload: object) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_portfolio(json.dumps(payload))


def test_a_replay_is_read_with_what_it_closed() -> None:
    event = decode_portfolio(json.dumps({"s": 4, "e": "replay", "d": REPLAY}))

    close = ReplayedClose("0192-pos", CloseReason.STOP_LOSS, 1_500, 959_000, -400_000)
    assert event == PortfolioEvent(4, ReplayPush(1_000, 2_000, (close,), 7))


def test_a_replay_need_not_know_since_when() -> None:
    payload = {"s": 4, "e": "replay", "d": REPLAY | {"from": None, "closed": []}}

    assert decode_portfolio(json.dumps(payload)) == PortfolioEvent(
        4, ReplayPush(None, 2_000, (), 7)
    )


def test_an_idempotency_record_can_be_made_from_its_fact() -> None:
    entry = {"k": "trade", "id": "t", "note": 'say "hello"'}

    record = idem_hash("fp", entry)

    assert record["fp"] == "fp"
    assert entry_of(record["res"]) == entry


def test_a_refusals_details_are_numbers_but_for_the_phase() -> None:
    reply = ["refused", "MARKET_HALTED", "halt", "5", "phase", "live"]

    assert refusal_of(reply) == Refused(Refusal.MARKET_HALTED, {"halt": 5, "phase": "live"})


def test_a_push_of_an_order_that_waits_is_read() -> None:
    fact = [text for pair in order_entry(7).fields.items() for text in pair]
    payload = json.dumps({"s": 5, "e": "order_pending", "d": {"sym": "ARS", "fact": fact}})

    event = decode_portfolio(payload)

    assert event is not None
    assert isinstance(event.push, OrderPush)
    assert (event.seq, event.name, event.push.symbol) == (5, "order_pending", "ARS")
    assert event.push.order.terms == TradeTerms(Side.BUY, 1_000, None, None)
    assert order_entry_of(event.push.order) == order_entry(7).fields | {
        "id": event.push.order.order_id
    }
