"""Draws the two plots of docs/market.md, "The index": what a match does to a price.

`python bench/index_plot.py`, with matplotlib from where bench/fanout.py has its peers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fanout_install import CACHE, install
from touchline.domain.expected import expected_bps
from touchline.domain.index import home_offset_bps
from touchline.domain.match import MatchSnapshot, Score, Team

DOCS = Path(__file__).parents[1] / "docs"
WEIGHT_BPS = 600  #: of a league
BASE = 100.0  #: coins
HOME, AWAY = Team(1, "Home", None), Team(2, "Away", None)
#: Of each match its goals and red cards: (minute, what the score and the cards are from then on).
MATCHES = {
    "0-0": ((0, Score()),),
    "1-0 (30')": ((0, Score()), (30, Score(1, 0))),
    "1-0 (80')": ((0, Score()), (80, Score(1, 0))),
    "0-1 (60')": ((0, Score()), (60, Score(0, 1))),
    "0-1 (20'), 2-1 (55', 88')": (
        *((0, Score()), (20, Score(0, 1))),
        *((55, Score(1, 1)), (88, Score(2, 1))),
    ),
    "0-0, home red card (40')": ((0, Score()), (40, Score(0, 0, 1, 0))),
}
LEADS = {2: "2 goals up", 1: "1 up", 0: "level", -1: "1 down", -2: "2 down"}
RATINGS = {0: "-", 200: "--"}  #: home rating minus away rating, and the line it is drawn by


def price(minute: int, score: Score) -> float:
    """The home club's index in coins, of equal clubs at a base of 100."""
    state = "FT" if minute >= 95 else "INPLAY_1ST_HALF" if minute < 45 else "INPLAY_2ND_HALF"
    match = MatchSnapshot(
        fixture=1,
        league=1,
        league_name=None,
        round_id=None,
        kickoff_ms=0,
        state=state,
        home=HOME,
        away=AWAY,
        score=score,
        minute=minute,
    )
    return BASE * (10_000 + home_offset_bps(WEIGHT_BPS, match, 0)) / 10_000


def course(story: tuple[tuple[int, Score], ...]) -> list[float]:
    """The index minute by minute."""
    return [
        price(minute, next(score for since, score in reversed(story) if since <= minute))
        for minute in range(96)
    ]


def draw_matches(pyplot: Any) -> None:
    """The index over a match, for some matches."""
    figure, panel = pyplot.subplots(figsize=(8.5, 4.2), constrained_layout=True)
    for name, story in MATCHES.items():
        panel.step(range(96), course(story), where="post", label=name, linewidth=1.5)
    panel.set(xlabel="minute", ylabel="index of the home club, coins", xlim=(0, 95))
    _finish(figure, panel, DOCS / "index-match.svg")


def draw_expected(pyplot: Any) -> None:
    """The expected result over the minutes, for some leads and two strengths."""
    figure, panel = pyplot.subplots(figsize=(8.5, 4.2), constrained_layout=True)
    for number, lead in enumerate(LEADS):
        for rating, line in RATINGS.items():
            values = [expected_bps(rating, 95 - minute, lead) / 100 for minute in range(96)]
            label = LEADS[lead] if not rating else None
            panel.plot(range(96), values, line, color=f"C{number}", label=label, linewidth=1.5)
    panel.set(xlabel="minute", ylabel="expected result of the home club, %", xlim=(0, 95))
    _finish(figure, panel, DOCS / "expected-results.svg")


def _finish(figure: Any, panel: Any, file: Path) -> None:
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    """Write both plots."""
    if "matplotlib" not in install({"matplotlib"}).names:
        sys.exit("matplotlib cannot be had here")
    sys.path.append(str(CACHE / "python"))
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "index"  # the same numbers, the same file
    from matplotlib import pyplot

    draw_matches(pyplot)
    draw_expected(pyplot)


if __name__ == "__main__":
    main()
