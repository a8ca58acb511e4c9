"""A recorded match is gone through again over HTTP, and nothing is changed by it."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api, Trader

PATH = "/v1/admin/feed/simulate"
WANTED = {"fixture": 1, "reason": "a trader asks"}


def run(api: Api, statement: str, *values: object) -> None:
    with api.pg.transaction() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def settled(api: Api) -> Api:
    """Arsenal have won against Liverpool."""
    run(
        api,
        "INSERT INTO fixtures (id, home_team_id, away_team_id, starting_at, state, phase,"
        " e_kickoff_bps, rating_lead, pre_home_px, pre_away_px, settled_at, home_goals,"
        " home_idx, away_idx, post_home_px, post_away_px, home_version, away_version, updated_at)"
        " VALUES (1, 17, 18, now(), 'FT', 'finished', 5700, 0, 1000000, 500000, now(), 1,"
        " 17, 18, 1025800, 487100, 1, 1, now())",
    )
    looks = (
        (1, 0, "INPLAY_1ST_HALF", 0, "14:00:00"),
        (2, 1, "INPLAY_1ST_HALF", 30, "14:30:00"),
        (3, 1, "FT", 94, "15:50:00"),
    )
    for seq, home, state, minute, at in looks:
        run(
            api,
            "INSERT INTO match_scores (fixture_id, seq, home, away, minute, state, source_hash,"
            " observed_at) VALUES (1, %s, %s, 0, %s, %s, '', %s)",
            *(seq, home, minute, state, f"2026-08-15T{at}Z"),
        )
    return api


def test_each_look_is_told_with_what_it_makes_of_both_clubs(settled: Api, operator: Trader) -> None:
    answer = operator.act(PATH, WANTED)

    said = answer.get_json()
    assert answer.status_code == 200
    assert said["before"] == {"home": "100.0000", "away": "50.0000"}
    assert [
        (s["at"][11:16], s["state"], s["index"]["home"], s["halts"]) for s in said["steps"]
    ] == [
        ("14:00", "INPLAY_1ST_HALF", "100.0000", []),
        ("14:30", "INPLAY_1ST_HALF", "101.4700", ["EVENT"]),
        ("15:50", "FT", "102.5800", ["MATCH_SUSPENDED"]),
    ]
    assert said["left"] == said["recorded"] == {"home": "102.5800", "away": "48.7100"}


def test_it_changes_nothing_and_is_written_down(settled: Api, operator: Trader) -> None:
    prices = settled.get("/v1/instruments").get_json()["data"]

    operator.act(PATH, WANTED)

    assert settled.get("/v1/instruments").get_json()["data"] == prices
    (line,) = operator.audit(target="fixture 1")
    assert (line["action"], line["request"]) == ("feed.simulate", WANTED)
    assert line["before"] == line["after"]
    assert line["after"]["recorded"] == {"home": "102.5800", "away": "48.7100"}


def test_a_match_that_is_not_over_is_refused(settled: Api, operator: Trader) -> None:
    run(settled, "UPDATE fixtures SET settled_at = NULL")
    live = operator.act(PATH, WANTED)
    run(settled, "UPDATE fixtures SET rating_lead = NULL")
    unopened = operator.act(PATH, WANTED)
    unknown = operator.act(PATH, WANTED | {"fixture": 2})

    assert [each.get_json()["code"] for each in (live, unopened, unknown)] == [
        "FIXTURE_LIVE",
        "FIXTURE_NOT_BEGUN",
        "NOT_FOUND",
    ]
