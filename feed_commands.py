"""The commands that play matches: a feed to develop against, and a recorded one again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .ending import end_with
from .matchserver import command
from .matchserver.matches import Season
from .options import faults_file, faults_seed, matches_file, season_seed, speed_factor
from .services import replay

DEFAULT_SEASON = 7


def chosen(matches: Path | None, seed: int | None) -> Season:
    """The season of a file or a seed, by default of the seed 7. Raises SeasonError."""
    if matches is None and seed is None:
        seed = DEFAULT_SEASON
    return command.choose_season(matches, seed)


@click.command("match-server")
@matches_file
@season_seed
@speed_factor
@faults_file
@faults_seed
@click.option("--port", type=click.IntRange(0, 65_535), default=8090, show_default=True)
def match_server_command(
    matches: Path | None,
    season: int | None,
    speed: float,
    faults: Path | None,
    random_faults: int | None,
    port: int,
) -> None:
    """Serve a season as the football feed would (Sportmonks v3)."""

    def run() -> int:
        played = chosen(matches, season)
        plan = command.choose_faults(played, faults, random_faults)
        command.run(played, plan, speed, port)
        return 0

    end_with(run)


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def replay_command(file: Path) -> None:
    """Play FILE, which `record` has made, again; print every price it comes to, as JSON lines."""
    end_with(lambda: replay.replay(file, sys.stdout))
