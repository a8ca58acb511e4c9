"""`PATCH /v1/me`: people name themselves, and keep their settings."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.leaderboard import week_of
from touchline.protocol.people import UserShown
from touchline.store.drain import open_drain
from touchline.store.keys import Keys
from touchline.store.weekly_books import WeeklyBooks
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader


def change(trader: Trader, etag: str | None = None, **wanted: object) -> TestResponse:
    """Change *trader* as read just now, or as *etag* names it."""
    headers = trader.auth | {"If-Match": etag or trader.get("/v1/me").headers["ETag"]}
    return trader.api.client.patch("/v1/me", headers=headers, json=wanted)


def refused(answer: TestResponse) -> tuple[int, str, list[str]]:
    problem = answer.get_json()
    pointers = [error["pointer"] for error in problem.get("errors", [])]
    return answer.status_code, problem["code"], pointers


def test_people_name_themselves(ada: Trader) -> None:
    answer = change(ada, display_name="  Ada  Lovelace ")

    assert answer.status_code == 200
    assert answer.get_json() == ada.get("/v1/me").get_json()
    assert answer.headers["ETag"] == ada.get("/v1/me").headers["ETag"]
    assert answer.get_json()["display_name"] == "Ada Lovelace"
    msgspec.json.decode(answer.data, type=UserShown)


@pytest.mark.parametrize("taken", ["bob", "BOB", "Ｂob", "treasury"])
def test_a_name_that_somebody_has_is_refused(api: Api, ada: Trader, taken: str) -> None:
    api.sign_in("bob@example.com")

    assert refused(change(ada, display_name=taken)) == (409, "NAME_TAKEN", ["/display_name"])
    assert ada.get("/v1/me").get_json()["display_name"] == "ada"


def test_the_own_name_may_be_spelled_otherwise(ada: Trader) -> None:
    assert change(ada, display_name="ADA").get_json()["display_name"] == "ADA"


def test_a_name_that_was_given_up_is_free(api: Api, ada: Trader) -> None:
    bob = api.sign_in("bob@example.com")
    change(bob, display_name="Robert")

    assert change(ada, display_name="Bob").status_code == 200


def test_who_signs_in_later_is_not_given_a_name_that_somebody_chose(api: Api, ada: Trader) -> None:
    change(ada, display_name="BOB")

    name = api.sign_in("bob@example.com").get("/v1/me").get_json()["display_name"]

    assert name.startswith("bob-")


@pytest.mark.parametrize("name", ["ab", "x" * 33, "Ada\u202e", "Ada\u0000", 7, None, ["Ada"]])
def test_what_is_no_name_is_refused(ada: Trader, name: object) -> None:
    assert refused(change(ada, display_name=name)) == (400, "VALIDATION", ["/display_name"])


def test_settings_are_kept_as_they_were_sent(ada: Trader) -> None:
    kept = {"conflated": False, "chart": {"interval": "5m", "colours": ["#fff", None, 1.5]}}

    assert change(ada, settings=kept).get_json()["settings"] == kept
    assert change(ada, display_name="Countess").get_json()["settings"] == kept
    assert change(ada, settings={}).get_json()["settings"] == {}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(), JSON))
def test_any_settings_are_kept_or_refused(ada: Trader, wanted: dict[str, Any]) -> None:
    answer = change(ada, settings=wanted)

    if answer.status_code == 200:
        assert answer.get_json()["settings"] == wanted == ada.get("/v1/me").get_json()["settings"]
    else:
        assert refused(answer) == (400, "VALIDATION", ["/settings"])


@pytest.mark.parametrize(
    "settings",
    [[], "dark", None, {"x": "y" * 4096}, {"deep": [[[[[[[[1]]]]]]]]}, {"big": 2**53}],
)
def test_settings_are_an_object_of_some_size(ada: Trader, settings: object) -> None:
    assert refused(change(ada, settings=settings)) == (400, "VALIDATION", ["/settings"])


@pytest.mark.parametrize("raw", [rb'{"settings": {"a": "\ud800"}}', b'{"settings": {"a": 1e999}}'])
def test_what_no_program_can_read_back_is_refused(ada: Trader, raw: bytes) -> None:
    known = ada.get("/v1/me").headers["ETag"]
    headers = ada.auth | {"If-Match": known, "Content-Type": "application/json"}

    answer = ada.api.client.patch("/v1/me", headers=headers, data=raw)

    assert answer.status_code == 400


def test_a_change_says_what_it_changes(ada: Trader) -> None:
    old = ada.get("/v1/me").headers["ETag"]
    change(ada, display_name="Countess")

    assert refused(change(ada, old, display_name="Duchess")) == (
        412,
        "PRECONDITION_FAILED",
        ["/If-Match"],
    )
    assert refused(ada.api.client.patch("/v1/me", headers=ada.auth, json={}))[:2] == (
        428,
        "PRECONDITION_REQUIRED",
    )


def test_a_change_changes_something_that_there_is(api: Api, ada: Trader) -> None:
    assert refused(change(ada))[:2] == (400, "VALIDATION")
    assert refused(change(ada, role="admin")) == (400, "VALIDATION", ["/role"])
    assert api.client.patch("/v1/me", json={"display_name": "Eve"}).status_code == 401


def test_a_new_name_is_the_one_on_the_leaderboard(api: Api, ada: Trader) -> None:
    for _ in range(3):
        ada.order()
    open_drain(api.redis, Keys(), api.deps.scripts, api.pg).everything()
    change(ada, display_name="Countess")

    players = WeeklyBooks(api.pg).players(week_of(api.clock.calendar()))

    assert [player.display_name for player in players] == ["Countess"]
