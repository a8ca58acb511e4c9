"""The switch of the bots over HTTP, and what is told of them."""

from __future__ import annotations

from typing import Any

import pytest
from touchline.domain.bots import ROSTER
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.orders import DelayedOrder, OrderStatus, TradeTerms
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.bot_books import BotBooks
from touchline.store.commands import AcceptOrder
from touchline.store.start_balance import grant_start_balance
from touchline.store.worth import Worth
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader
from tests.fakes.facts import AT_MS

BOTS = "/v1/admin/bots"


def put(
    operator: Trader, enabled: Any, version: int = 0, reason: str = "they run wild"
) -> TestResponse:
    headers = operator.auth | {"If-Match": f'W/"{version}"'}
    return operator.api.client.put(
        BOTS, json={"enabled": enabled, "reason": reason}, headers=headers
    )


def test_bots_may_trade_from_the_beginning_and_there_are_none(operator: Trader) -> None:
    answer = operator.get(BOTS)

    assert answer.get_json() == {
        "enabled": True,
        "reason": None,
        "since": None,
        "version": 0,
        "bots": [],
    }
    assert answer.headers["ETag"] == 'W/"0"'


def test_they_are_switched_off_and_stay_so(api: Api, operator: Trader) -> None:
    answer = put(operator, False).get_json()

    assert (answer["enabled"], answer["reason"]) == (False, "they run wild")
    assert BotBooks(api.pg).ground().enabled is False
    api.redis.flushdb()  # where the switch is not
    assert operator.get(BOTS).get_json()["enabled"] is False


def test_what_waits_of_theirs_is_taken_back_with_the_switch_and_of_nobody_else(
    api: Api, operator: Trader
) -> None:
    bot = BotBooks(api.pg).enrol()[ROSTER[0]]
    ada = api.sign_in("ada@example.com")
    grant_start_balance(api.deps.hot, api.deps.scripts, bot, api.clock.calendar())
    api.deps.scripts.execute([AcceptOrder(waiting(user)) for user in (bot, ada.id)])

    put(operator, False)

    assert [api.deps.hot.wallet(user).reserved_e4 for user in (bot, ada.id)] == [0, 70_000]
    assert order(api, bot).refused == Refused(Refusal.BOTS_STOPPED)
    assert order(api, ada.id).status is OrderStatus.PENDING


def test_of_a_bot_that_is_suspended_what_waits_is_taken_back_and_of_the_others_not(
    api: Api, operator: Trader
) -> None:
    bots = BotBooks(api.pg).enrol()
    one, other = bots[ROSTER[0]], bots[ROSTER[1]]
    for user in (one, other):
        grant_start_balance(api.deps.hot, api.deps.scripts, user, api.clock.calendar())
    api.deps.scripts.execute([AcceptOrder(waiting(user)) for user in (one, other)])

    answer = operator.api.client.patch(
        f"/v1/admin/users/{one}",
        json={"status": "suspended", "reason": "it runs wild"},
        headers=operator.auth | {"If-Match": 'W/"0"'},
    )

    assert answer.status_code == 200
    assert [api.deps.hot.wallet(user).reserved_e4 for user in (one, other)] == [0, 70_000]
    assert order(api, one).refused == Refused(Refusal.ACCOUNT_SUSPENDED)
    assert order(api, other).status is OrderStatus.PENDING


def test_bots_that_are_switched_on_keep_what_waits(api: Api, operator: Trader) -> None:
    bot = BotBooks(api.pg).enrol()[ROSTER[0]]
    grant_start_balance(api.deps.hot, api.deps.scripts, bot, api.clock.calendar())
    api.deps.scripts.execute([AcceptOrder(waiting(bot))])

    put(operator, True)

    assert api.deps.hot.wallet(bot).reserved_e4 == 70_000


def order(api: Api, user: UserId) -> DelayedOrder:
    placed = api.deps.orders.one(user, order_id(user))
    assert placed is not None
    assert placed.order is not None
    return placed.order


def order_id(user: int) -> str:
    return f"01920000-0000-7000-8000-{user:012d}"


def waiting(user: UserId) -> DelayedOrder:
    """A purchase that sets aside 7 coins."""
    return DelayedOrder(
        order_id=order_id(user),
        user=user,
        idx=InstrumentIdx(17),
        terms=TradeTerms(Side.BUY, 1_000, None, None),
        idem_key=f"of-{user}",
        fingerprint="f",
        client_order_id=None,
        accepted_ms=AT_MS,
        release_ms=AT_MS + 5_000,
        reserved_e4=70_000,
    )


def test_of_two_admins_the_second_has_to_look_again(operator: Trader) -> None:
    version = put(operator, False).get_json()["version"]

    late = put(operator, True)

    assert (late.status_code, late.get_json()["code"]) == (412, "PRECONDITION_FAILED")
    assert late.get_json()["version"] == version
    assert put(operator, True, version).get_json()["enabled"] is True


def test_what_was_done_is_written_down(operator: Trader) -> None:
    put(operator, False)

    (line,) = operator.audit(action="bots.switch")
    assert (line["actor"], line["target"], line["outcome"]) == (
        f"user {operator.id}",
        "bots",
        "done",
    )
    assert (line["before"]["enabled"], line["after"]["enabled"]) == (True, False)


def test_each_bot_is_told_with_what_it_has_gained(api: Api, operator: Trader) -> None:
    books, hot, now_ms = BotBooks(api.pg), api.deps.hot, api.clock.calendar()
    users = books.enrol()
    for user in users.values():
        grant_start_balance(hot, api.deps.scripts, user, now_ms)
    api.deps.operators.drain.everything()
    assert {bot["gain_today"] for bot in operator.get(BOTS).get_json()["bots"]} == {None}
    worths = [Worth(user, 100_500_000, 1) for user in users.values()]
    books.open_day(0, worths, now_ms)

    bots = operator.get(BOTS).get_json()["bots"]

    assert [bot["display_name"] for bot in bots] == [bot.display_name for bot in ROSTER]
    assert bots[0] == {
        "id": users[ROSTER[0]],
        "display_name": "bot:mm-1",
        "status": "active",
        "equity": "10000.0000",
        "gain_today": "-50.0000",
        "gain": "0.0000",
    }


@pytest.mark.parametrize("enabled", ["yes", 1, None])
def test_they_are_on_or_off(operator: Trader, enabled: Any) -> None:
    assert put(operator, enabled).get_json()["errors"][0]["pointer"] == "/enabled"
