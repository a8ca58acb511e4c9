"""Orders for an amount of money, while the price moves under them."""

from __future__ import annotations

from decimal import Decimal

from touchline.domain.halts import Phase
from touchline.domain.ids import InstrumentIdx, UserId, uuid7
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store.commands import Filled, Indexed, TradeCommand
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader

BOB = UserId(999)


def spent(answer: TestResponse) -> Decimal:
    assert answer.status_code == 201, answer.get_json()
    fill = answer.get_json()
    return Decimal(fill["value"]) + Decimal(fill["fee"])


def price_rises(api: Api) -> None:
    """Somebody else buys, right before the order is carried out."""
    api.redis.hset(f"wallet:{BOB}", mapping={"cash": 10**12, "locked": 0, "v": 1})
    now_ms = api.clock.calendar()
    command = TradeCommand(
        trade_id=uuid7(now_ms),
        user=BOB,
        idx=InstrumentIdx(17),
        side=Side.BUY,
        qty=20_000,
        bound_px=None,
        idem_key=uuid7(now_ms),
        fingerprint="f",
        client_order_id=None,
        now_ms=now_ms,
    )
    [outcome] = api.deps.scripts.execute([command])
    assert isinstance(outcome, Filled)


def kick_off(api: Api) -> None:
    """The feed says that the match of the club on sale is being played."""
    api.redis.set("lease:scheduler", "me")
    change = IndexChange(idx=InstrumentIdx(17), now_ms=api.clock.calendar(), phase=Phase.LIVE)
    assert isinstance(api.deps.scripts.index_apply(change, "lease:scheduler", "me"), Indexed)


def times(count: int, api: Api) -> None:
    """Let the price rise before each of the next *count* attempts."""
    left = iter(range(count))

    def rise() -> None:
        if next(left, None) is not None:
            price_rises(api)

    api.executor.before = rise


def test_an_amount_buys_as_much_as_it_pays_for(ada: Trader) -> None:
    answer = ada.order(notional="250.00")

    one_more = Decimal("0.1003")  # 0.001 share with its fee
    assert Decimal("250") - one_more <= spent(answer) <= Decimal("250")


def test_a_price_that_rises_meanwhile_buys_less_and_never_costs_more(api: Api, ada: Trader) -> None:
    unmoved = ada.order(notional="250.00").get_json()
    times(1, api)

    answer = ada.order(notional="250.00")

    assert Decimal("249.89") < spent(answer) <= Decimal("250")
    assert Decimal(answer.get_json()["quantity"]) < Decimal(unmoved["quantity"])
    assert len(api.executor.commands) == 3


def test_a_price_that_never_stands_still_refuses_the_order_in_the_end(
    api: Api, ada: Trader
) -> None:
    cash = api.deps.hot.wallet(ada.id)
    times(100, api)

    answer = ada.order(notional="250.00")

    assert answer.get_json()["code"] == "PRICE_BOUND_EXCEEDED"
    assert api.deps.hot.wallet(ada.id) == cash


def test_beyond_the_users_own_bound_the_order_is_not_tried_again(api: Api, ada: Trader) -> None:
    answer = ada.order(notional="250.00", price_bound="100.00")

    assert answer.get_json()["code"] == "PRICE_BOUND_EXCEEDED"
    assert len(api.executor.commands) == 1


def test_an_amount_that_buys_nothing_is_refused_by_its_field(api: Api, ada: Trader) -> None:
    before = api.stored()

    answer = ada.order(notional="0.0100")

    assert (answer.status_code, answer.get_json()["code"]) == (400, "QUANTITY_INVALID")
    assert answer.get_json()["errors"][0]["pointer"] == "/notional"
    assert api.stored() == before


def test_an_amount_beyond_the_largest_order_is_refused(ada: Trader) -> None:
    answer = ada.order(notional="9999.00")

    assert answer.get_json()["code"] == "QUANTITY_LIMIT_EXCEEDED"


def test_in_play_an_amount_buys_less_and_the_largest_is_a_quarter(api: Api, ada: Trader) -> None:
    before = ada.order(notional="250.00").get_json()
    kick_off(api)

    during = ada.order(notional="250.00")
    beyond = ada.order(notional="1300.00").get_json()

    assert Decimal("249.89") < spent(during) <= Decimal("250")
    assert Decimal(during.get_json()["quantity"]) < Decimal(before["quantity"])
    assert (beyond["code"], beyond["limit"]) == ("QUANTITY_LIMIT_EXCEEDED", "12.500")


def test_a_kick_off_right_before_the_trade_does_not_make_an_amount_cost_more(
    api: Api, ada: Trader
) -> None:
    api.executor.before = lambda: kick_off(api)

    answer = ada.order(notional="250.00")

    assert Decimal("249.89") < spent(answer) <= Decimal("250")
    assert len(api.executor.commands) == 2


def test_a_retry_is_answered_with_the_first_fill_though_the_price_has_moved(
    api: Api, ada: Trader
) -> None:
    first = ada.order("one-key", notional="0.1100")
    api.redis.hset("inst:17", "f", 2_000_000)

    again = ada.order("one-key", notional="0.1100")

    assert first.status_code == 201
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert api.executor.commands[-1].qty == 0


def test_a_sale_for_an_amount_yields_at_most_that(ada: Trader) -> None:
    ada.order(quantity="10")

    fill = ada.order(side="sell", notional="250.00").get_json()

    got = Decimal(fill["value"]) - Decimal(fill["fee"])
    assert Decimal("249.89") < got <= Decimal("250")
