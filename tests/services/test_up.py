"""`touchline up` as a newcomer meets it: real processes, real servers, a season to its end."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
from pathlib import Path
from typing import Any

import pytest
from touchline.domain.table import Outcome, league_table
from touchline.matchserver.matches import Season, results
from touchline.matchserver.openfootball import load_openfootball
from touchline.matchserver.season import generate_season
from touchline.services.course import weeks_of
from touchline.services.up import page_origins

from tests.matchserver.season_files import SMALL_CUP
from tests.running import Up, plain_environment

WORLD_CUP = Path(__file__).parents[3] / "shared" / "data" / "worldcup-2022.json"
SEASON_S = 200.0  #: far more than a season takes at these speeds

#: The default ports may be taken by a Touchline that somebody runs beside the tests.
FREE_PORTS = ("--api-port", "0", "--ws-port", "0")


def touchline(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "touchline", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        env=plain_environment(),
        check=False,
    )


def expected(season: Season) -> list[dict[str, Any]]:
    return [
        {
            "home": result.home,
            "away": result.away,
            "score": list(result.score),
            "penalties": None if result.penalties is None else list(result.penalties),
        }
        for result in results(season)
    ]


def table_of(season: Season) -> list[list[Any]]:
    table = league_table(Outcome(each.home, each.away, *each.score) for each in results(season))
    return [[row.club, row.played, row.points, row.goals_for, row.goals_against] for row in table]


def by_teams(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda result: (result["home"], result["away"], result["score"]))


def processes_of(data_dir: Path) -> list[str]:
    """Command lines of living processes that name *data_dir*."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(data_dir) in line:
                found.append(line)
    return found


def sign_in(up: Up, email: str = "fan@example.com") -> str:
    return str(up.post("/v1/auth/dev-login", {"email": email})["access_token"])


def buy(up: Up, token: str, key: str, quantity: str = "1.000") -> dict[str, Any]:
    """Buy of the first club that is open, and in which no order has to wait."""
    for club in up.get("/v1/instruments?limit=200")["data"]:
        order = {"instrument": club["idx"], "side": "buy", "quantity": quantity}
        if club["order_delay_ms"]:
            continue
        try:
            filled: dict[str, Any] = up.post("/v1/orders", order, token, key)
        except urllib.error.HTTPError as refused:
            if refused.code != 409:
                raise
            continue
        return filled
    raise AssertionError("every market is halted")


def test_a_season_ends_with_every_result_right_and_the_books_agree(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Up(data, "--season", "3", "--speed", "100000", "--until-finished") as up:
        token = sign_in(up)
        buy(up, token, "during-the-season")
        code = up.finish(SEASON_S)

    summary = up.summary()
    assert code == 0, up.log()
    assert (summary["fixtures"], summary["settled"], summary["reconcile"]) == (380, 380, "ok")
    assert summary["right"] is True
    assert summary["trades"] == 1
    assert summary["ticks"] > 380
    season = generate_season(3)
    assert by_teams(summary["results"]) == by_teams(expected(season))
    assert summary["table"] == table_of(season)
    books = touchline("reconcile", "--data-dir", str(data), "--json")
    assert books.returncode == 0, books.stdout + books.stderr
    assert json.loads(books.stdout)["ok"] is True
    assert processes_of(data) == []


def test_with_bots_a_season_ends_no_differently_and_they_are_in_the_books(tmp_path: Path) -> None:
    with Up(
        tmp_path / "data", "--season", "3", "--speed", "100000", "--bots", "--until-finished"
    ) as up:
        code = up.finish(SEASON_S)

    summary = up.summary()
    assert code == 0, up.log()
    assert (summary["settled"], summary["reconcile"]) == (380, "ok")
    assert summary["trades"] > 10
    assert by_teams(summary["results"]) == by_teams(expected(generate_season(3)))
    # A week lasts half a second here, and to open one takes three.
    names = [week.name for week in weeks_of(generate_season(3))]
    assert [each["week"] for each in summary["weeks"]][: len(names)] == names
    assert {each["draw"] for each in summary["weeks"][: len(names)]} == {"announced"}
    assert summary["right"] is True


def test_a_person_who_trades_among_bots_while_the_feed_lies_is_ranked_and_wins_a_prize(
    tmp_path: Path,
) -> None:
    matches = ("--matches", str(SMALL_CUP), "--random-faults", "1")
    with Up(tmp_path / "data", *matches, "--speed", "1500", "--bots", "--until-finished") as up:
        token = sign_in(up)
        for number in range(3):
            buy(up, token, f"of-the-first-week-{number}")
        code = up.finish(SEASON_S)

    summary = up.summary()
    assert code == 0, up.log()
    assert summary["right"] is True
    assert by_teams(summary["results"]) == by_teams(expected(load_openfootball(SMALL_CUP)))
    weeks = [(each["week"], each["people"], each["prizes"]) for each in summary["weeks"]]
    assert weeks == [("2024-W13", 1, 1), ("2024-W14", 0, 0), ("2024-W15", 0, 0)]
    assert {(each["draw"], each["approximate"]) for each in summary["weeks"]} == {
        ("announced", False)
    }
    assert all(each["bots"] > 0 for each in summary["weeks"])


@pytest.mark.parametrize("matches", [path for path in (WORLD_CUP,) if path.exists()])
def test_a_real_tournament_ends_with_every_result_right(matches: Path, tmp_path: Path) -> None:
    with Up(
        tmp_path / "data", "--matches", str(matches), "--speed", "30000", "--until-finished"
    ) as up:
        code = up.finish(SEASON_S)

    summary = up.summary()
    assert code == 0, up.log()
    assert (summary["settled"], summary["reconcile"]) == (64, "ok")
    assert by_teams(summary["results"]) == by_teams(expected(load_openfootball(matches)))
    assert sum(result["penalties"] is not None for result in summary["results"]) == 5


def test_a_stop_and_a_kill_lose_nothing_and_leave_nothing_running(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Up(data, "--speed", "10") as up:
        first = buy(up, sign_in(up), "first")
        assert up.stop() == 0
    assert processes_of(data) == []

    with Up(data, "--speed", "10") as up:
        second = buy(up, sign_in(up), "second")
        up.kill()
    with Up(data, "--speed", "10") as up:
        token = sign_in(up)
        trades = up.get("/v1/trades", token)["data"]
        again = buy(up, token, "second")

    assert [t["order_id"] for t in trades] == [second["order_id"], first["order_id"]]
    assert again["order_id"] == second["order_id"]
    assert processes_of(data) == []
    books = touchline("reconcile", "--data-dir", str(data))
    assert books.returncode == 0, books.stdout + books.stderr


def test_a_data_directory_is_not_played_with_another_season(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "season").write_text("other\nSome Cup\n")

    refused = touchline("up", "--data-dir", str(data), "--season", "5", *FREE_PORTS)

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"touchline: {data} holds 'Some Cup'")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("up", "--speed", "0"), "--speed"),
        (("up", "--api-port", "70000"), "--api-port"),
        (("up", "--matches", "/nowhere.json"), "/nowhere.json"),
        (("reconcile", "--data-dir", "/nowhere"), "/nowhere"),
        (("up", "--data-dir", "/dev/null/data", *FREE_PORTS), "/dev/null/data"),
        (("up", "--data-dir", "/proc", *FREE_PORTS), "/proc is not empty"),
        (("up", "--api-port", "18123", "--ws-port", "18123"), "both 18123"),
        (("up", "--speed", "nan"), "--speed"),
        (("api-server",), "REDIS_URL is not set"),
        (("ws-server",), "REDIS_URL is not set"),
        (("flusher",), "REDIS_URL is not set"),
    ],
)
def test_a_wrong_command_line_is_refused_and_names_what_is_wrong(
    arguments: tuple[str, ...], named: str
) -> None:
    refused = touchline(*arguments)

    assert refused.returncode == 2
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("port", "origins"),
    [
        (8080, ("http://127.0.0.1:8080", "http://localhost:8080")),
        (80, ("http://127.0.0.1", "http://localhost")),
    ],
)
def test_the_page_may_connect_from_what_its_browser_calls_its_origin(
    port: int, origins: tuple[str, ...]
) -> None:
    assert page_origins(port) == origins
