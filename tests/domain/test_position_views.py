"""Positions, their events and the pushes about them, as clients see them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from touchline.domain import views
from touchline.domain.portfolio import HeldShares, Holding, OpenPosition, Portfolio, Wallet
from touchline.domain.position_events import By, EventKind
from touchline.domain.position_views import (
    event_view,
    happened_view,
    open_position_view,
    position_view,
)
from touchline.domain.positions import CloseReason, Position
from touchline.domain.pushes import (
    MarginCallPush,
    PortfolioEvent,
    PositionPush,
    ReplayedClose,
    ReplayPush,
)
from touchline.domain.refusal_views import refusal_view
from touchline.domain.refusals import Refusal, Refused

from tests.fakes.positions import AT_MS, LIQUIDATED, LIQUIDATION, LONG, SHORT, event

LONG_VIEW = {
    "position_id": "0192-pos", "status": "open", "instrument": 17, "symbol": "ARS",
    "side": "long", "quantity": "10.000", "quantity_opened": "10.000", "leverage": 5,
    "entry_price": "100.1501", "open_value": "1001.5010", "margin": "200.3002",
    "liquidation_price": "90.1351", "margin_call": False, "stop_loss": {"price": "96.0000"},
    "take_profit": {"price": "106.0000"},
    "trailing_stop": {"distance": "2.0000", "price": "98.0000"}, "fees": "1.0016",
    "realized_pnl": "0.0000", "version": 1, "opened_at": "2026-10-24T15:05:00.123Z",
    "closed_at": None, "reason": None,
}  # fmt: skip


def held(position: Position = LONG, bid_px: int = 999_000) -> OpenPosition:
    return OpenPosition("ARS", position, bid_px, bid_px + 2_000, bid_px + 1_000)


def test_a_position_is_shown_with_its_stops_and_where_the_trailing_one_stands() -> None:
    assert position_view(LONG, "ARS") == LONG_VIEW


def test_stops_that_are_not_wanted_are_null() -> None:
    view = position_view(SHORT, "ARS")

    assert (view["stop_loss"], view["take_profit"], view["trailing_stop"]) == (None, None, None)


def test_an_open_position_tells_what_it_has_gained_at_its_closing_quote() -> None:
    long, short = held(), held(SHORT)

    assert open_position_view(long) == LONG_VIEW | {
        "mark": "100.0000", "closing_quote": "99.9000", "unrealized_pnl": "-2.5010",
    }  # fmt: skip
    assert open_position_view(short)["closing_quote"] == "100.1000"
    assert open_position_view(short)["unrealized_pnl"] == "0.5010"


def test_a_closed_position_says_when_and_why() -> None:
    view = position_view(LIQUIDATED, "ARS")

    assert (view["status"], view["quantity"], view["version"]) == ("closed", "0.000", 3)
    assert (view["closed_at"], view["reason"]) == ("2026-10-24T15:06:00.123Z", "liquidation")


def test_an_opening_tells_what_was_paid_and_reserved() -> None:
    assert happened_view(event(), "ARS") == {
        "status": "filled",
        "position": LONG_VIEW,
        "event": {
            "event_id": "0192-pos", "kind": "open", "version": 1, "by": "client",
            "quantity": "10.000", "price": "100.1501", "value": "1001.5010", "fee": "1.0016",
            "margin": "200.3002", "seq": 7, "tick": f"{AT_MS}-0",
            "executed_at": "2026-10-24T15:05:00.123Z", "cash_after": "9798.6982",
            "locked_after": "200.3002", "client_order_id": "mine",
        },
    }  # fmt: skip


def test_a_close_explains_itself_to_the_tick() -> None:
    view = event_view(LIQUIDATION)

    told = ("by", "reason", "price", "pnl", "fee", "payout", "shortfall", "margin")
    assert [view[name] for name in told] == [
        "stop-watcher", "liquidation", "89.0082", "-111.4190", "0.8901", "87.9911", "0.0000",
        "-200.3002",
    ]  # fmt: skip
    assert view["trigger"] == {
        "tick": f"{AT_MS + 60_000}-0", "tick_time": "2026-10-24T15:06:00.123Z",
        "quote": "90.1000", "level": "90.1351", "index": "90.1000", "approximate": False,
    }  # fmt: skip


def test_a_close_by_the_owner_has_no_trigger() -> None:
    view = event_view(replace(LIQUIDATION, by=By.CLIENT, reason=CloseReason.CLIENT, trigger=None))

    assert (view["reason"], view["trigger"]) == ("client", None)


def test_a_change_trades_nothing_and_says_so() -> None:
    changed = event(kind=EventKind.CHANGE, qty=0, px=None, value_e4=0, fee_e4=0, margin_e4=0)

    view = happened_view(changed, "ARS")

    assert view["status"] == "changed"
    assert (event_view(changed)["price"], event_view(changed)["quantity"]) == (None, "0.000")


def test_equity_counts_each_position_with_what_it_gained_and_never_below_nothing() -> None:
    line = HeldShares(LONG.idx, "ARS", Holding(1_000, 900_000, 1), 1_000_000)
    lost = held(replace(LONG, id="lost"), bid_px=700_000)
    portfolio = Portfolio(
        LONG.user, 3, Wallet(5_000_000, 4_006_004, 2), (line,), (held(bid_px=1_011_501), lost)
    )

    account = views.account_view(portfolio)

    assert lost.unrealized_e4 == -3_015_010  # more than its margin
    assert portfolio.equity_e4 == 5_000_000 + 1_000_000 + 2_003_002 + 100_000
    assert account == {
        "cash": "500.0000", "locked": "400.6004", "reserved": "0.0000",
        "equity": "810.3002", "margin_used": "400.6004",
        "margin_available": "500.0000", "margin_level_pct": "202.27",
        "unrealized_pnl": "-291.5010",
    }  # fmt: skip
    assert [each["position_id"] for each in views.portfolio_view(portfolio)["positions"]] == [  # type: ignore[attr-defined]
        "0192-pos", "lost",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EventKind.OPEN, "position_opened"),
        (EventKind.CHANGE, "position_updated"),
        (EventKind.CLOSE, "position_closed"),
    ],
)
def test_a_push_says_what_the_answer_says(kind: EventKind, name: str) -> None:
    pushed = PortfolioEvent(9, PositionPush(event(kind=kind), "ARS"))

    assert pushed.name == name
    assert views.portfolio_update_view(pushed) == happened_view(event(kind=kind), "ARS")


def test_a_margin_call_shows_the_position() -> None:
    pushed = PortfolioEvent(9, MarginCallPush(LONG, "ARS"))

    assert (pushed.name, views.portfolio_update_view(pushed)) == (
        "margin_call",
        {"position": LONG_VIEW},
    )


def test_a_replay_lists_what_was_closed_meanwhile() -> None:
    close = ReplayedClose("0192-pos", CloseReason.STOP_LOSS, AT_MS, 959_000, -400_000)
    pushed = PortfolioEvent(9, ReplayPush(None, AT_MS, (close,), 12))

    assert (pushed.name, views.portfolio_update_view(pushed)) == (
        "replay",
        {
            "from": None, "to": "2026-10-24T15:05:00.123Z", "checked_ticks": 12,
            "closed": [
                {
                    "position_id": "0192-pos", "reason": "stop_loss",
                    "tick_time": "2026-10-24T15:05:00.123Z", "price": "95.9000", "pnl": "-40.0000",
                }
            ],
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("refused", "members"),
    [
        (Refused(Refusal.LEVERAGE_INVALID, {"limit_leverage": 5}), {"limit": 5}),
        (Refused(Refusal.TOO_MANY_POSITIONS, {"limit_positions": 20}), {"limit": 20}),
        (Refused(Refusal.STOP_DISTANCE_TOO_SMALL, {"limit_px": 4_000}), {"limit": "0.4000"}),
        (Refused(Refusal.MARGIN_LIMIT_EXCEEDED, {"limit_e4": 1}), {"limit": "0.0001"}),
        (
            Refused(
                Refusal.STOP_LOSS_PRICE_INVALID, {"quoted_px": 1_000_000, "liquidation_px": 901_351}
            ),
            {"quoted_price": "100.0000", "liquidation_price": "90.1351"},
        ),
        (Refused(Refusal.POSITION_CLOSED, {"reason": "client"}), {"reason": "client"}),
        (Refused(Refusal.VERSION_MISMATCH, {"version": 7}), {"version": 7}),
    ],
)  # fmt: skip
def test_a_refusals_details_are_told_in_their_units(
    refused: Refused, members: dict[str, object]
) -> None:
    assert refusal_view(refused) == members
