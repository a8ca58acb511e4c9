"""Several orders in one request: each has its own result, and they keep their order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import psycopg2
from touchline.store.ledger import Ledger
from touchline.store.postgres import Postgres
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader, line
from tests.fakes.failing import Away


def results(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.get_json()
    found: list[dict[str, Any]] = answer.get_json()["results"]
    return found


def codes(answer: TestResponse) -> list[str]:
    """Every result in a word: what was refused, or whether it was made now or earlier."""
    return [
        each["problem"]["code"]
        if "problem" in each
        else ("replayed" if each["replayed"] else "made")
        for each in results(answer)
    ]


def test_every_order_is_answered_as_it_would_be_alone(api: Api, ada: Trader) -> None:
    answer = ada.batch(line("a", quantity="2.5", client_order_id="mine"), line("b", notional="50"))

    first, second = results(answer)
    assert (first["status"], first["replayed"]) == (201, False)
    assert first["order"].items() >= {"quantity": "2.500", "client_order_id": "mine"}.items()
    assert (second["order"]["status"], second["order"]["durable"]) == ("filled", "postgres")
    assert ada.order("a", quantity="2.5", client_order_id="mine").get_json() == first["order"]


def test_orders_are_carried_out_in_the_order_given(ada: Trader) -> None:
    answer = ada.batch(
        line("1", side="sell"), line("2"), line("3", instrument=18), line("4", side="sell")
    )

    assert codes(answer) == ["INSUFFICIENT_SHARES", "made", "made", "made"]
    made = [each["order"] for each in results(answer)[1:]]
    assert [(each["symbol"], each["seq"]) for each in made] == [("ARS", 1), ("LIV", 1), ("ARS", 2)]


def test_trades_of_a_batch_are_listed_newest_first(ada: Trader) -> None:
    made = results(ada.batch(*(line(str(number), quantity="0.1") for number in range(20))))

    page = ada.get("/v1/trades").get_json()

    listed = [trade["order_id"] for trade in page["data"]]
    assert listed == [each["order"]["order_id"] for each in made][::-1]


def test_what_is_refused_keeps_no_other_order_from_being_carried_out(ada: Trader) -> None:
    answer = ada.batch(
        line("a", quantity="40"),
        line("b", instrument=18, quantity="50"),
        line("c", quantity="20"),
        line("d", quantity="9", instrument=18),
    )

    assert codes(answer) == ["made", "made", "INSUFFICIENT_FUNDS", "made"]


def test_a_refusal_is_the_problem_of_that_order_alone(ada: Trader) -> None:
    answer = ada.batch(line("a"), line("b", quantity="50.001"), line("c", instrument="XXX"))

    _, large, unknown = results(answer)
    assert (large["status"], unknown["status"]) == (422, 404)
    problem = large["problem"]
    assert (problem["code"], problem["limit"]) == ("QUANTITY_LIMIT_EXCEEDED", "50.000")
    assert problem["instance"] == "/v1/orders/batch"
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert [error["pointer"] for error in problem["errors"]] == ["/orders/1/quantity"]
    assert [error["pointer"] for error in unknown["problem"]["errors"]] == ["/orders/2/instrument"]


def test_a_key_of_another_order_is_refused_where_the_key_was_given(ada: Trader) -> None:
    ada.order("used", quantity="3")

    answer = ada.batch(line("used", quantity="4"), line("new"))

    assert codes(answer) == ["IDEMPOTENCY_KEY_REUSED", "made"]
    [error] = results(answer)[0]["problem"]["errors"]
    assert (error["pointer"], error["in"]) == ("/orders/0/idempotency_key", "body")


def test_one_client_order_id_names_one_order_of_a_batch_too(ada: Trader) -> None:
    answer = ada.batch(line("a", client_order_id="mine"), line("b", client_order_id="mine"))

    assert codes(answer) == ["made", "CLIENT_ORDER_ID_REUSED"]


def test_a_batch_sent_again_is_answered_with_the_same_trades(api: Api, ada: Trader) -> None:
    batch = [line("a"), line("b", notional="100"), line("c", side="sell", quantity="0.5")]
    first = results(ada.batch(*batch))
    before = api.stored()

    again = results(ada.batch(*batch))

    assert [each["replayed"] for each in again] == [True] * 3
    assert [each["order"] for each in again] == [each["order"] for each in first]
    assert api.stored() == before


def test_a_batch_whose_answer_was_lost_is_finished_by_sending_it_again(
    api: Api, ada: Trader
) -> None:
    batch = [line("a"), line("b"), line("c")]
    ada.batch(*batch[:2])

    assert codes(ada.batch(*batch)) == ["replayed", "replayed", "made"]


def test_an_order_of_a_batch_may_be_repeated_alone(ada: Trader) -> None:
    [made] = results(ada.batch(line("a", quantity="2")))

    alone = ada.order("a", quantity="2")

    assert (alone.headers["Idempotent-Replayed"], alone.get_json()) == ("true", made["order"])


def test_a_replay_without_postgres_is_durable_in_redis_and_asks_postgres_once(
    api: Api, ada: Trader
) -> None:
    batch = [line(str(number)) for number in range(5)]
    ada.batch(*batch)
    away = Away(api.pg, psycopg2.OperationalError("gone"))
    away.away = True
    lost = api.with_(ledger=Ledger(cast(Postgres, away)))

    answer = Trader(lost, ada.id, ada.token).batch(*batch)

    assert [each["order"]["durable"] for each in results(answer)] == ["redis"] * 5
    assert away.tried == 1


def test_every_order_says_itself_how_durable_it_is(api: Api, ada: Trader) -> None:
    ada.batch(line("a"))
    api.executor.ledger_down = True

    answer = ada.batch(line("a"), line("b"))

    durable = [each["order"]["durable"] for each in results(answer)]
    assert durable == ["postgres", "redis"]


def test_an_amount_is_sized_by_the_price_that_the_orders_before_it_left(ada: Trader) -> None:
    answer = ada.batch(
        line("a", quantity="40"), line("b", notional="1000"), line("c", notional="1000")
    )

    assert codes(answer) == ["made"] * 3
    for each in results(answer)[1:]:
        spent = Decimal(each["order"]["value"]) + Decimal(each["order"]["fee"])
        assert Decimal("999.89") < spent <= Decimal("1000")


def test_orders_behind_an_amount_wait_until_it_is_sized_for_good(api: Api, ada: Trader) -> None:
    indexes = iter([1_010_000, 1_020_000])
    api.executor.before = lambda: api.redis.hset("inst:17", "f", next(indexes, 1_020_000))

    answer = ada.batch(line("a", notional="4000"), line("b"))

    assert codes(answer) == ["made", "made"]
    assert [command.idem_key for command in api.executor.commands] == ["a", "a", "a", "b"]


def test_every_order_of_a_batch_is_counted(api: Api, ada: Trader) -> None:
    ada.batch(line("a"))
    ada.batch(line("a"), line("b"), line("c", quantity="99"), line("d"))

    assert api.deps.trades.results == {
        ("filled", ""): 3,
        ("replayed", ""): 1,
        ("refused", "QUANTITY_LIMIT_EXCEEDED"): 1,
    }
    assert api.deps.trades.answers.buckets()[-1][1] == 5


def test_orders_without_an_outcome_may_be_sent_again(api: Api, ada: Trader) -> None:
    batch = [line("a"), line("b")]
    api.executor.breaks_off = True
    unknown = ada.batch(*batch)
    api.executor.breaks_off = False

    again = ada.batch(*batch)

    assert codes(unknown) == ["OUTCOME_UNKNOWN"] * 2
    assert [each["status"] for each in results(unknown)] == [503, 503]
    assert unknown.headers["Retry-After"] == "1"
    assert codes(again) == ["replayed"] * 2


def test_orders_that_redis_never_saw_are_made_when_they_are_sent_again(
    api: Api, ada: Trader
) -> None:
    batch = [line("a"), line("b")]
    api.executor.down = True
    unknown = ada.batch(*batch)
    api.executor.down = False

    again = ada.batch(*batch)

    assert codes(unknown) == ["OUTCOME_UNKNOWN"] * 2
    assert codes(again) == ["made"] * 2


def test_behind_an_order_without_an_outcome_nothing_more_is_tried(api: Api, ada: Trader) -> None:
    api.executor.breaks_off = True

    answer = ada.batch(line("a"), line("b", notional="10"), line("c"))

    assert codes(answer) == ["OUTCOME_UNKNOWN", "UNAVAILABLE", "UNAVAILABLE"]
    assert [command.idem_key for command in api.executor.commands] == ["a"]


def test_orders_that_found_no_room_were_surely_not_carried_out(api: Api, ada: Trader) -> None:
    before = api.stored()
    api.executor.full = True

    answer = ada.batch(line("a"), line("b"))

    assert codes(answer) == ["UNAVAILABLE"] * 2
    assert len(api.executor.commands) == 1
    assert api.stored() == before
