"""The weekly draw over HTTP: promised to everybody, told once it is announced, proved."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from touchline.domain.leaderboard import Week, week_of
from touchline.domain.spinner import WHEEL, drawn_from_ms
from touchline.http.spinner import AGE_S, KEPT, Recent
from touchline.protocol.spinner import SpinnerCurrent, SpinnerProof, SpinnerRound

from tests.api.conftest import Api, Trader
from tests.fakes.clock import FakeClock
from tests.fakes.spinning import freeze


def this_week(api: Api) -> Week:
    return week_of(api.clock.calendar())


def told(api: Api, path: str, shape: Any) -> dict[str, Any]:
    """What an api-server answers that has been asked nothing before."""
    answer = api.with_().get(f"/v1/spinner/{path}")
    assert answer.status_code == 200, answer.get_json()
    msgspec.json.decode(answer.data, type=shape)
    shown: dict[str, Any] = answer.get_json()
    return shown


def drawn(api: Api, *winners: Trader) -> Week:
    """A week that was promised, played by *winners* and drawn."""
    week, spins = this_week(api), api.deps.operators.spins
    spins.promise(api.clock.calendar())
    freeze(api.pg, week, [winner.id for winner in winners])
    api.clock.advance((drawn_from_ms(week) - api.clock.calendar()) / 1000)
    assert spins.run(week, api.clock.calendar()) is None
    return week


def test_before_anything_is_promised_there_is_nothing(api: Api) -> None:
    assert told(api, "current", SpinnerCurrent) == {"round": None, "last": None}


def test_what_is_promised_is_told_without_what_would_give_it_away(api: Api) -> None:
    api.deps.operators.spins.promise(api.clock.calendar())
    week = this_week(api)

    round_ = told(api, "current", SpinnerCurrent)["round"]

    assert (round_["week"], round_["status"], round_["results"]) == (week.name, "open", [])
    assert (round_["winners"], len(round_["segments"])) == (10, len(WHEEL.segments))
    assert round_["draws_at"].endswith("T00:05:00.000Z")
    assert round_["drawn_at"] is None
    assert told(api, week.name, SpinnerRound) == round_
    proof = told(api, f"{week.name}/proof", SpinnerProof)
    assert (proof["seed"], proof["board"], proof["results"]) == (None, [], [])
    assert proof["commit"] == round_["commit"]


def test_the_next_weeks_promise_is_there_already(api: Api) -> None:
    api.deps.operators.spins.promise(api.clock.calendar())
    following = week_of(this_week(api).ends_ms)

    assert told(api, following.name, SpinnerRound)["status"] == "open"


def test_the_last_draw_is_told_with_names_and_amounts(api: Api, ada: Trader) -> None:
    bob = api.sign_in("bob@example.com")

    week = drawn(api, ada, bob)

    current = told(api, "current", SpinnerCurrent)
    last = current["last"]
    assert (last["week"], last["status"]) == (week.name, "announced")
    assert {row["display_name"] for row in last["results"]} == {"ada", "bob"}
    for row in last["results"]:
        assert last["segments"][row["segment"]] == row["amount"]
    assert told(api, week.name, SpinnerRound) == last
    assert current["round"]["status"] == "open"  # that of the week that it is now


def test_a_winner_has_the_prize_in_wallet_portfolio_and_journal(api: Api, ada: Trader) -> None:
    week = drawn(api, ada)

    amount = told(api, week.name, SpinnerRound)["results"][0]["amount"]
    assert float(ada.get("/v1/account").get_json()["cash"]) == 10_000 + float(amount)
    last = ada.get("/v1/events?limit=1").get_json()["data"][-1]
    assert (last["event"], last["data"]["kind"], last["data"]["amount"]) == (
        "wallet",
        "prize",
        amount,
    )


def test_nothing_of_a_draw_is_told_before_everybody_is_paid(api: Api, ada: Trader) -> None:
    week = drawn(api, ada)
    with api.pg.transaction() as cursor:
        cursor.execute(
            "UPDATE spinner_rounds SET status = 'drawn' WHERE iso_week = %s", (week.name,)
        )

    shown = told(api, week.name, SpinnerRound)
    proof = told(api, f"{week.name}/proof", SpinnerProof)

    assert (shown["status"], shown["results"], shown["drawn_at"]) == ("drawn", [], None)
    hidden = ("seed", "board_hash", "board", "results")
    assert [proof[name] for name in hidden] == [None, None, [], []]
    assert told(api, "current", SpinnerCurrent)["last"] is None


@pytest.mark.parametrize("name", ["2020-W01", "2026-W54", "now", "2026-W43x", "%00"])
@pytest.mark.parametrize("rest", ["", "/proof"])
def test_a_week_without_a_draw_is_not_found(api: Api, name: str, rest: str) -> None:
    api.deps.operators.spins.promise(api.clock.calendar())

    answer = api.get(f"/v1/spinner/{name}{rest}")

    assert (answer.status_code, answer.get_json()["code"]) == (404, "SPINNER_UNKNOWN")


def test_the_program_that_checks_a_proof_is_where_the_proof_says(api: Api, ada: Trader) -> None:
    week = drawn(api, ada)

    answer = api.get(told(api, f"{week.name}/proof", SpinnerProof)["verifier"])

    assert answer.status_code == 200
    assert answer.mimetype == "text/x-python"
    assert answer.get_data(as_text=True).startswith("#!/usr/bin/env python3")


def test_what_was_told_a_moment_ago_is_told_again() -> None:
    clock = FakeClock()
    recent: Recent[str] = Recent(clock.monotonic)

    assert recent.keep("a", "one") == "one"
    assert recent.get("a") == "one"
    assert recent.get("b") is None
    clock.advance(AGE_S)
    assert recent.get("a") is None


def test_of_many_weeks_the_ones_asked_for_last_are_kept() -> None:
    recent: Recent[int] = Recent(FakeClock().monotonic)

    for number in range(KEPT + 1):
        recent.keep(str(number), number)

    assert recent.get("0") is None
    assert [recent.get(str(number)) for number in (1, KEPT)] == [1, KEPT]
