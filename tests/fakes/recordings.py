"""A recording of a cup final that is lied about and badly served; `python -m` writes it anew.

The final, its lies and the failures are the same every time, and so is the recording: it is looked
at every ten seconds of its calendar, from shortly before the kick-off to the end of the shoot-out.
"""

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import sys
from pathlib import Path

from touchline.actors.feeds.budget import Budget
from touchline.actors.feeds.pace import Pace
from touchline.actors.feeds.spectator import Spectator
from touchline.matchserver.clock import WarpClock, windows_of
from touchline.matchserver.faults import FaultPlan, RequestFault
from touchline.matchserver.lies import FalseState, Phantom, Vanish
from touchline.matchserver.matches import make_season
from touchline.matchserver.server import MatchServer
from touchline.store.recording import Recorder
from touchline.store.sportmonks import Sportmonks
from touchline.store.web import Web

from tests.fakes.clock import FakeClock
from tests.matchserver.match_days import long_final

FINAL = long_final()
STEP_MS = 10_000
RECORDING = Path(__file__).parents[1] / "recordings" / "final.jsonl"
TICKS = RECORDING.with_name("final-ticks.jsonl")

_FIRST, _SECOND, *_ = (period.start_ms for period in FINAL.periods)
PLAN = FaultPlan(
    requests=(
        RequestFault("status", times=1, status=429, from_ms=_FIRST + 5 * 60_000),
        RequestFault("garbage", times=2, from_ms=_FIRST + 12 * 60_000),
        RequestFault("mistype", times=1, from_ms=_SECOND + 60_000),
    ),
    lies=(
        Phantom(FINAL.id, _FIRST + 25 * 60_000, _FIRST + 27 * 60_000, "goal", "away"),
        Phantom(FINAL.id, _SECOND + 10 * 60_000, _SECOND + 14 * 60_000, "red", "home"),
        Vanish(FINAL.id, _SECOND + 20 * 60_000, _SECOND + 24 * 60_000),
        FalseState(FINAL.id, FINAL.periods[1].end_ms, FINAL.periods[1].end_ms + 60_000, "FT"),
    ),
)


def record_final(path: Path) -> None:
    """Write the recording to *path*."""
    season = make_season("Cup", [FINAL])
    calendar = WarpClock(windows_of(season, 1), 0, FakeClock().monotonic)
    server = MatchServer(season, calendar)
    server.follow(PLAN)
    server.start()
    with path.open("w", encoding="utf-8") as file:
        web = Recorder(Web(), server.base_url, calendar, file)
        feed = Sportmonks(server.base_url, "token", web=web)
        spectator = Spectator(feed, Pace.at(1), Budget(feed))
        while calendar() < FINAL.final_whistle_ms or spectator.followed:
            spectator.poll(calendar())
            calendar.advance(STEP_MS)
    server.stop()


if __name__ == "__main__":
    record_final(Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDING)
