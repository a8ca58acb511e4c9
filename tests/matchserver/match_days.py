"""Matches and a client for the tests of what the feed says."""

import json
from typing import Any

import urllib3
from touchline.matchserver.assemble import Draft, play
from touchline.matchserver.goals import Goal
from touchline.matchserver.matches import Club, Match

KICKOFF_MS = 1_711_810_800_000  #: 2024-03-30 15:00 UTC
MOOR, FEN = Club(1, "Moor", "MOO"), Club(2, "Fen", "FEN")
HEADERS = {"Authorization": "secret"}


def long_final() -> Match:
    """Extra time and a shoot-out: 1-1, 2-2, 3-0 on penalties."""
    return play(
        Draft(
            id=77,
            round="Final",
            home=MOOR,
            away=FEN,
            kickoff_ms=KICKOFF_MS,
            half_time=(1, 0),
            full_time=(1, 1),
            extra_time=(2, 2),
            penalties=(3, 0),
            home_goals=(Goal(10, None, "A"), Goal(120, 1, "D")),
            away_goals=(Goal(90, 2, "B"), Goal(105, None, "C", penalty=True)),
        )
    )


class Client:
    """Asks a match server, over real sockets."""

    def __init__(self, base_url: str, headers: dict[str, str] | None = None) -> None:
        self.base_url = base_url
        self.root = base_url.removesuffix("/v3/football")
        self._headers = HEADERS if headers is None else headers
        self._pool = urllib3.PoolManager(retries=False)

    def raw(self, path: str, timeout_s: float = 5.0) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            "GET", self.base_url + path, headers=self._headers, timeout=timeout_s
        )

    def get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.raw(path).json()
        return answer

    def data(self, path: str) -> Any:
        return self.get(path)["data"]

    def status(self, path: str) -> int:
        return self.raw(path).status

    def control(self, name: str, body: object) -> urllib3.BaseHTTPResponse:
        return self.post(f"{self.root}/_ctl/{name}", body)

    def post(self, url: str, body: object) -> urllib3.BaseHTTPResponse:
        return self._pool.request("POST", url, body=json.dumps(body), headers=self._headers)

    def clock(self) -> Any:
        return self._pool.request("GET", f"{self.root}/_ctl/clock", headers=self._headers).json()


def current(fixture: dict[str, Any], description: str = "CURRENT") -> tuple[int, int] | None:
    """The score entries of that description as a pair, home first."""
    found = {
        entry["score"]["participant"]: entry["score"]["goals"]
        for entry in fixture["scores"]
        if entry["description"] == description
    }
    return (found["home"], found["away"]) if found else None
