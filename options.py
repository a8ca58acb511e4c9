"""Options that commands share, and kinds of options that click does not have."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from .config import ALGORITHMS

DEFAULT_DATA = Path(".touchline")


class Speed(click.FloatRange):
    """A factor; click's own range lets "nan" through, which compares with nothing."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The factor in *value*; fails the command for what is none."""
        factor = float(super().convert(value, param, ctx))
        if math.isnan(factor):
            self.fail("nan is not a speed", param, ctx)
        return factor


matches_file = click.option(
    "--matches",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Play the matches of a file in the openfootball JSON format.",
)
season_seed = click.option("--season", type=int, help="Play the generated season of this seed.")
faults_file = click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Have the feed lie and fail as a file says, in the JSON of /_ctl/faults.",
)
faults_seed = click.option(
    "--random-faults",
    type=int,
    help="Have the feed lie and fail all season long by this seed; results still come right.",
)
data = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DATA,
    show_default=True,
    help="Where the embedded servers keep everything.",
)
speed_factor = click.option(
    "--speed",
    type=Speed(min=1, max=1_000_000),
    default=1.0,
    show_default=True,
    help="Calendar time to real time; idle time between matches is skipped.",
)
alg = click.option(
    "--alg",
    type=click.Choice(ALGORITHMS),
    default=ALGORITHMS[0],
    show_default=True,
    help="What the key signs by; some gateways know RS256 only.",
)
