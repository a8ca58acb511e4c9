"""The shapes clients see."""

from dataclasses import replace

import pytest
from touchline.domain import views
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import new_instrument
from touchline.domain.order_views import order_view
from touchline.domain.orders import DelayedOrder, TradeTerms, done
from touchline.domain.portfolio import HeldShares, Holding, Portfolio, Wallet
from touchline.domain.pushes import FillPush, OrderPush, PortfolioEvent, WalletPush
from touchline.domain.refusal_views import refusal_view
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import PriceTick, Tick, ticked
from touchline.domain.trading import Fill, Side

IDX = InstrumentIdx(17)
AT_MS = 1_792_854_300_123
ARS = replace(new_instrument(IDX, "ARS", "Arsenal"), phase=Phase.LIVE)
FILL = Fill(
    trade_id="0192-id", user=UserId(5), idx=IDX, side=Side.BUY, qty=12_500, px=1_001_051,
    value_e4=12_513_138, fee_e4=12_514, realized_e4=0, seq=48_211, tick_id=f"{AT_MS}-0",
    at_ms=AT_MS, cash_after_e4=87_474_348, qty_after=12_500, cost_after_e4=12_513_138,
    client_order_id="web-8841",
)  # fmt: skip
FILL_VIEW = {
    "order_id": "0192-id", "status": "filled", "instrument": 17, "symbol": "ARS", "side": "buy",
    "quantity": "12.500", "average_price": "100.1051", "value": "1251.3138", "fee": "1.2514",
    "realized_pnl": "0.0000", "cash_after": "8747.4348", "position_after": "12.500",
    "tick": "1792854300123-0", "seq": 48_211, "executed_at": "2026-10-24T15:05:00.123Z",
    "client_order_id": "web-8841",
}  # fmt: skip


def test_an_instrument_that_never_ticked_has_no_tick_and_no_time() -> None:
    view = views.instrument_view(ARS)

    assert view == {
        "idx": 17, "symbol": "ARS", "name": "Arsenal", "bid": "99.9000", "ask": "100.1000",
        "mid": "100.0000", "mark": "100.0000", "status": "open", "halt_reasons": [],
        "phase": "live", "seq": 0, "tick": None, "ts": None,
    }  # fmt: skip


def test_a_snapshot_is_the_instrument_and_its_seq_goes_beside_it() -> None:
    instrument = ticked(replace(ARS, halt=Halt.EVENT), AT_MS)

    view = views.price_snapshot_view(instrument)

    assert "seq" not in view
    assert (view["tick"], view["ts"]) == (f"{AT_MS}-0", "2026-10-24T15:05:00.123Z")
    assert (view["status"], view["halt_reasons"]) == ("halted", ["EVENT"])


def test_an_update_says_everything_about_the_price_again() -> None:
    tick = PriceTick(
        idx=IDX, seq=9, id=f"{AT_MS}-0", at_ms=AT_MS, bid_px=999_000, ask_px=1_001_000,
        mark_px=1_000_500, mid_px=1_000_000, why="feed", halt=Halt(0), phase=Phase.LIVE,
    )  # fmt: skip

    assert views.price_update_view(tick) == {
        "bid": "99.9000", "ask": "100.1000", "mid": "100.0000", "mark": "100.0500",
        "status": "open", "halt_reasons": [], "phase": "live", "why": "feed",
        "tick": f"{AT_MS}-0", "ts": "2026-10-24T15:05:00.123Z",
    }  # fmt: skip


def test_a_raw_tick_has_its_time_in_its_id() -> None:
    tick = Tick(
        f"{AT_MS}-3", 9, 1_000_000, -5, 999_000, 1_001_000, 1_000_000, 999_999, "hb", Halt(0)
    )

    assert views.tick_view(tick) == {
        "tick": f"{AT_MS}-3", "seq": 9, "index": "100.0000", "bid": "99.9000", "ask": "100.1000",
        "mid": "99.9999", "mark": "100.0000", "why": "hb", "ts": "2026-10-24T15:05:00.123Z",
    }  # fmt: skip


def test_a_portfolio_is_an_account_and_its_holdings() -> None:
    line = HeldShares(IDX, "ARS", Holding(12_500, 12_520_325, 1), 1_001_250)
    portfolio = Portfolio(UserId(5), 3, Wallet(87_467_154, 0, 2, 10_000_000, 1), (line,))

    assert views.portfolio_view(portfolio) == {
        "account": {
            "cash": "8746.7154", "locked": "0.0000", "reserved": "1000.0000",
            "equity": "9998.2779", "margin_used": "0.0000",
            "margin_available": "7746.7154", "margin_level_pct": None, "unrealized_pnl": "0.0000",
        },
        "holdings": [
            {
                "idx": 17, "symbol": "ARS", "quantity": "12.500", "avg_cost": "100.1626",
                "mark": "100.1250", "value": "1251.5625", "pnl": "-0.4700",
            }
        ],
        "positions": [],
    }  # fmt: skip


def test_a_fill_reads_the_same_in_the_answer_and_in_the_push() -> None:
    event = PortfolioEvent(552, FillPush(FILL, "ARS"))

    assert views.fill_view(FILL, "ARS") == FILL_VIEW
    assert (event.name, views.portfolio_update_view(event)) == ("fill", FILL_VIEW)


ORDER = DelayedOrder(
    order_id="o",
    user=UserId(5),
    idx=InstrumentIdx(17),
    terms=TradeTerms(Side.SELL, 1_500, None, 1_010_000),
    idem_key="k",
    fingerprint="fp",
    client_order_id=None,
    accepted_ms=1_792_854_300_123,
    release_ms=1_792_854_305_123,
    reserved_e4=1_581_425,
)
ORDER_VIEW = {
    "order_id": "o", "kind": "trade", "status": "pending", "instrument": 17, "symbol": "ARS",
    "side": "sell",
    "quantity": "1.500", "notional": None, "price_bound": "101.0000", "reserved": "158.1425",
    "accepted_at": "2026-10-24T15:05:00.123Z", "release_at": "2026-10-24T15:05:05.123Z",
    "client_order_id": None,
}  # fmt: skip


def test_an_order_that_waits_is_pushed_as_it_was_answered() -> None:
    event = PortfolioEvent(2, OrderPush(ORDER, "ARS"))

    assert order_view(ORDER, "ARS") == ORDER_VIEW
    assert (event.name, views.portfolio_update_view(event)) == ("order_pending", ORDER_VIEW)


def test_an_order_that_is_rejected_is_pushed_with_the_reason() -> None:
    refused = Refused(Refusal.INSUFFICIENT_SHARES, {"available_qty": 500})
    event = PortfolioEvent(3, OrderPush(done(ORDER, refused, False, 1_792_854_305_150), "ARS"))

    assert event.name == "order_rejected"
    assert views.portfolio_update_view(event) == ORDER_VIEW | {
        "status": "rejected",
        "reserved": "0.0000",
        "rejected_at": "2026-10-24T15:05:05.150Z",
        "problem": {"code": "INSUFFICIENT_SHARES", "available": "0.500"},
    }


def test_money_that_came_in_is_pushed_with_what_there_is_now() -> None:
    event = PortfolioEvent(1, WalletPush("grant", 100_000_000, 100_000_001, 0))

    assert (event.name, views.portfolio_update_view(event)) == (
        "wallet",
        {"kind": "grant", "amount": "10000.0000", "cash": "10000.0001", "locked": "0.0000"},
    )


@pytest.mark.parametrize(
    ("refused", "members"),
    [
        (Refused(Refusal.QUANTITY_INVALID), {}),
        (
            Refused(Refusal.INSUFFICIENT_FUNDS, {"required_e4": 10_001, "available_e4": 0}),
            {"required": "1.0001", "available": "0.0000"},
        ),
        (Refused(Refusal.INSUFFICIENT_SHARES, {"available_qty": 500}), {"available": "0.500"}),
        (
            Refused(Refusal.PRICE_BOUND_EXCEEDED, {"quoted_px": 1_001_626}),
            {"quoted_price": "100.1626"},
        ),
        (
            Refused(Refusal.POSITION_LIMIT_EXCEEDED, {"limit_qty": 200_000, "held_qty": 1}),
            {"limit": "200.000", "held": "0.001"},
        ),
        (
            Refused(Refusal.MARKET_HALTED, {"halt": 5, "phase": "shootout"}),
            {"halt_reasons": ["SHOOTOUT", "EVENT"]},
        ),
    ],
)  # fmt: skip
def test_a_refusals_numbers_are_written_in_their_units(
    refused: Refused, members: dict[str, object]
) -> None:
    assert refusal_view(refused) == members
