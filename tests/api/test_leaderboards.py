"""Leaderboards of weeks over HTTP, and what a week has brought an account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg2
import pytest
from touchline.domain.leaderboard import Week, week_of
from touchline.protocol.leaderboards import AllTimeBoard, OwnPlace, WeekBoard
from touchline.protocol.people import OwnAccount
from touchline.store.drain import open_drain
from touchline.store.keys import Keys

from tests.api.conftest import Api, Trader
from tests.fakes.failing import Away


def drain(api: Api) -> None:
    open_drain(api.redis, Keys(), api.deps.scripts, api.pg).everything()


def score(api: Api, scores: dict[int, int], week: Week | None = None) -> None:
    """What whoever ranks has left in Redis."""
    name = (week or week_of(api.clock.calendar())).name
    keep(api, scores, "week", name)


def keep(api: Api, scores: dict[int, int], *names: str) -> None:
    api.redis.zadd(Keys().board(*names), {str(user): e4 for user, e4 in scores.items()})


def freeze(api: Api, week: Week, scores: list[tuple[str, int, int]], approximate: bool) -> None:
    """What the week-freezer has left: board, user and score of the places."""
    frozen_at = datetime.fromtimestamp(week.ends_ms / 1000 + 5, UTC)
    with api.pg.transaction() as cursor:
        cursor.execute(
            "INSERT INTO leaderboard_weeks VALUES (%s, %s, %s, %s)",
            (week.name, frozen_at, frozen_at, approximate),
        )
        for rank, (name, user, e4) in enumerate(scores, start=1):
            cursor.execute(
                "INSERT INTO leaderboard_weekly VALUES (%s, %s, %s, %s, %s)",
                (week.name, name, rank, user, e4),
            )


def board(asker: Api | Trader, path: str = "week", **headers: str) -> dict[str, Any]:
    answer = asker.get(f"/v1/leaderboards/{path}", **headers)
    assert answer.status_code == 200, answer.get_json()
    msgspec.json.decode(answer.data, type=AllTimeBoard if path.startswith("all") else WeekBoard)
    shown: dict[str, Any] = answer.get_json()
    return shown


@pytest.fixture
def crowd(api: Api) -> list[Trader]:
    """Nine traders, the first the best; the fourth and fifth have the same score."""
    people = [api.sign_in(f"p{number}@example.com") for number in range(9)]
    scores = [900, 800, 700, 500, 500, 400, 0, -1, -20_000]
    score(api, {one.id: e4 for one, e4 in zip(people, scores, strict=True)})
    return people


def test_a_week_that_nobody_has_played_in_has_an_empty_board(api: Api) -> None:
    week = week_of(api.clock.calendar())

    shown = board(api)

    assert (shown["week"], shown["players"], shown["ranks"]) == (week.name, 0, [])
    assert board(api, f"week/{week.name}") == shown


def test_the_best_come_first(api: Api, crowd: list[Trader]) -> None:
    shown = board(api, "week?limit=5")

    assert [(row["rank"], row["display_name"], row["score"]) for row in shown["ranks"]] == [
        (1, "p0", "0.0900"),
        (2, "p1", "0.0800"),
        (3, "p2", "0.0700"),
        (4, "p3", "0.0500"),
        (5, "p4", "0.0500"),
    ]
    assert shown["players"] == 9


def test_who_asks_is_shown_those_around_them(crowd: list[Trader]) -> None:
    def around(one: int) -> list[int]:
        return [row["rank"] for row in board(crowd[one], "week?around=me&limit=3")["ranks"]]

    assert [around(one) for one in (0, 4, 8)] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_those_around_nobody_are_nobodies(api: Api, ada: Trader, crowd: list[Trader]) -> None:
    assert board(ada, "week?around=me")["ranks"] == []
    assert api.get("/v1/leaderboards/week?around=me").status_code == 401


def test_people_are_told_their_own_place(api: Api, ada: Trader, crowd: list[Trader]) -> None:
    def place(trader: Trader) -> tuple[Any, ...]:
        answer = trader.get("/v1/leaderboards/me")
        msgspec.json.decode(answer.data, type=OwnPlace)
        return tuple(answer.get_json()[name] for name in ("rank", "score", "players"))

    assert place(crowd[8]) == (9, "-2.0000", 9)
    assert place(ada) == (None, None, 9)
    assert api.get("/v1/leaderboards/me").status_code == 401


def test_a_week_of_before_is_shown_as_long_as_it_is_kept(api: Api, crowd: list[Trader]) -> None:
    last = week_of(week_of(api.clock.calendar()).starts_ms - 1)
    score(api, {crowd[8].id: 5}, last)

    shown = board(api, f"week/{last.name}")

    assert [(row["rank"], row["display_name"]) for row in shown["ranks"]] == [(1, "p8")]
    assert shown["week"] == last.name


def test_a_frozen_week_is_shown_for_ever_as_it_ended(api: Api, crowd: list[Trader]) -> None:
    old = week_of(week_of(api.clock.calendar()).starts_ms - 300 * 86_400_000)
    score(api, {crowd[8].id: 5}, old)  # Redis may say what it likes
    freeze(api, old, [("people", crowd[3].id, 7), ("people", crowd[1].id, 7)], approximate=True)
    other = week_of(old.ends_ms)
    freeze(api, other, [("bots", crowd[2].id, -1)], approximate=False)

    shown, bots = board(api, f"week/{old.name}"), board(api, f"week/{other.name}?board=bots")

    assert [(row["rank"], row["display_name"]) for row in shown["ranks"]] == [(1, "p3"), (2, "p1")]
    assert (shown["approximate"], bots["approximate"]) == (True, False)
    assert shown["frozen_at"] == shown["ends_at"].replace("00.000Z", "05.000Z")
    assert [(row["display_name"], row["score"]) for row in bots["ranks"]] == [("p2", "-0.0001")]
    empty = board(api, f"week/{other.name}")
    assert (empty["players"], empty["ranks"], empty["board"]) == (0, [], "people")


def test_a_week_that_goes_on_is_not_final(api: Api, crowd: list[Trader]) -> None:
    shown = board(api)

    assert (shown["frozen_at"], shown["approximate"]) == (None, False)


def test_bots_have_a_board_of_their_own(api: Api, crowd: list[Trader]) -> None:
    name = week_of(api.clock.calendar()).name
    keep(api, {crowd[1].id: 7}, "week", "bots", name)
    keep(api, {crowd[2].id: 8}, "all", "bots")

    week, ever = board(api, "week?board=bots"), board(api, "all?board=bots")

    assert [row["display_name"] for row in week["ranks"]] == ["p1"]
    assert [row["display_name"] for row in ever["ranks"]] == ["p2"]
    assert (week["board"], ever["board"], board(api)["players"]) == ("bots", "bots", 9)


def test_the_board_of_all_time_is_shown_from_the_top_and_around_the_caller(
    api: Api, crowd: list[Trader]
) -> None:
    keep(api, {one.id: 10 - place for place, one in enumerate(crowd[:6])}, "all")

    top, near = board(api, "all?limit=2"), board(crowd[4], "all?around=me&limit=3")

    assert [(row["rank"], row["display_name"]) for row in top["ranks"]] == [(1, "p0"), (2, "p1")]
    assert top["players"] == 6
    assert [row["rank"] for row in near["ranks"]] == [4, 5, 6]
    assert api.get("/v1/leaderboards/all?around=me").status_code == 401
    place = crowd[4].get("/v1/leaderboards/me").get_json()["all_time"]
    assert place == {"players": 6, "rank": 5, "score": "0.0006"}


@pytest.mark.parametrize("name", ["2020-W01", "2200-W01", "2026-W54", "now", "2026-W43x"])
def test_a_week_that_has_no_board_is_not_found(api: Api, name: str) -> None:
    answer = api.get(f"/v1/leaderboards/week/{name}")

    assert (answer.status_code, answer.get_json()["code"]) == (404, "LEADERBOARD_UNKNOWN")


def test_what_is_no_query_of_a_board_is_refused(ada: Trader) -> None:
    for query in ("limit=0", "limit=201", "around=17", "board=cats", "cursor=x"):
        assert ada.get(f"/v1/leaderboards/week?{query}").status_code == 400, query
    assert ada.get("/v1/leaderboards/me?limit=1").status_code == 400


def realized(trader: Trader) -> str | None:
    answer = trader.get("/v1/account")
    msgspec.json.decode(answer.data, type=OwnAccount)
    told: str | None = answer.get_json()["realized_pnl_week"]
    return told


def test_the_account_tells_what_the_week_has_brought(api: Api, ada: Trader) -> None:
    assert realized(ada) == "0.0000"
    ada.order(quantity="10")
    sold = ada.order(side="sell", quantity="10").get_json()["realized_pnl"]
    position = ada.open().get_json()["position"]["position_id"]
    closed = ada.close(position).get_json()["event"]["pnl"]
    drain(api)

    assert float(realized(ada) or 0) == pytest.approx(float(sold) + float(closed))
    assert float(sold) < 0 > float(closed)


def test_a_new_week_has_brought_nothing_yet(api: Api, ada: Trader) -> None:
    ada.order(quantity="10")
    ada.order(side="sell", quantity="10")
    drain(api)
    week = week_of(api.clock.calendar())
    assert realized(ada) != "0.0000"

    api.clock.advance((week.ends_ms - api.clock.calendar()) / 1000)

    assert realized(ada) == "0.0000"


def test_money_is_told_while_postgres_is_away(api: Api, ada: Trader) -> None:
    away: Any = Away(api.deps.ledger, psycopg2.OperationalError("away"))
    away.away = True

    assert realized(Trader(api.with_(ledger=away), ada.id, ada.token)) is None
