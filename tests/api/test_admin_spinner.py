"""A week's draw, as admins look at it and have it go on."""

from __future__ import annotations

import msgspec
from touchline.domain.leaderboard import Week, week_of
from touchline.domain.spinner import drawn_from_ms
from touchline.protocol.spinner import SpinnerRun
from touchline.store.spins import Hindrance
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader
from tests.fakes.spinning import freeze

WHY = {"reason": "ticket 12"}


def run(
    operator: Trader, week: Week | str, dry: bool = False, key: str | None = None
) -> SpinnerRun:
    answer = asked(operator, week, dry, key)
    assert answer.status_code == 200, answer.get_json()
    return msgspec.json.decode(answer.data, type=SpinnerRun)


def asked(
    operator: Trader, week: Week | str, dry: bool = False, key: str | None = None
) -> TestResponse:
    name = week.name if isinstance(week, Week) else week
    query = "?dry_run=1" if dry else ""
    return operator.act(f"/v1/admin/spinner/{name}/run{query}", WHY, key)


def promised(api: Api, *users: Trader) -> Week:
    """This week, promised and with a final board; the calendar is at its draw."""
    week = week_of(api.clock.calendar())
    api.deps.operators.spins.promise(api.clock.calendar())
    freeze(api.pg, week, [user.id for user in users])
    api.clock.advance((drawn_from_ms(week) - api.clock.calendar()) / 1000)
    return week


def test_a_trial_run_says_how_far_it_is_and_draws_nothing(
    api: Api, operator: Trader, ada: Trader
) -> None:
    week = promised(api, ada)

    seen = run(operator, week, dry=True)

    assert seen == SpinnerRun(week.name, "open", True, 1, 0, None)
    shown = api.get(f"/v1/spinner/{week.name}").get_json()
    assert (shown["status"], shown["results"]) == ("open", [])
    assert api.deps.hot.wallet(ada.id).cash_e4 == 100_000_000


def test_a_run_draws_pays_and_announces_at_once(api: Api, operator: Trader, ada: Trader) -> None:
    week = promised(api, ada)

    done = run(operator, week)

    assert (done.status, done.unpaid, done.hindrance) == ("announced", 0, None)
    prize = api.get(f"/v1/spinner/{week.name}").get_json()["results"][0]
    assert api.deps.hot.wallet(ada.id).cash_e4 == 100_000_000 + round(float(prize["amount"]) * 1e4)


def test_a_run_is_written_down_with_before_and_after(
    api: Api, operator: Trader, ada: Trader
) -> None:
    week = promised(api, ada)
    run(operator, week)

    (line,) = operator.audit()

    assert (line["action"], line["target"]) == ("spinner.run", f"week {week.name}")
    assert line["request"] == WHY
    assert [line[side]["status"] for side in ("before", "after")] == ["open", "announced"]


def test_a_look_is_written_down_as_one(api: Api, operator: Trader, ada: Trader) -> None:
    run(operator, promised(api, ada), dry=True)

    assert operator.audit()[0]["action"] == "spinner.look"


def test_a_run_is_done_once_under_its_key(api: Api, operator: Trader, ada: Trader) -> None:
    week = promised(api, ada)
    run(operator, week, key="one")
    cash = api.deps.hot.wallet(ada.id).cash_e4

    again = asked(operator, week, key="one")

    assert again.headers["Idempotent-Replayed"] == "true"
    assert run(operator, week).status == "announced"  # under another key: nothing is left to do
    assert api.deps.hot.wallet(ada.id).cash_e4 == cash


def test_a_run_before_its_time_is_refused_with_the_reason(api: Api, operator: Trader) -> None:
    week = week_of(api.clock.calendar())
    api.deps.operators.spins.promise(api.clock.calendar())

    answer = asked(operator, week)

    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (409, "SPINNER_NOT_READY")
    assert Hindrance.EARLY.value in problem["detail"]
    assert run(operator, week, dry=True).hindrance == Hindrance.EARLY.value


def test_a_week_that_was_never_played_has_no_draw_to_run(api: Api, operator: Trader) -> None:
    for name in ("2020-W01", "nonsense"):
        for dry in (True, False):
            answer = asked(operator, name, dry)
            assert (answer.status_code, answer.get_json()["code"]) == (404, "SPINNER_UNKNOWN")


def test_a_parameter_that_is_none_is_refused(operator: Trader) -> None:
    for query in ("dry_run=yes", "dry=1"):
        assert operator.act(f"/v1/admin/spinner/2026-W43/run?{query}", WHY).status_code == 400
