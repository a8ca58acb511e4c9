"""The speed of a simulated match day, as it is given on the command line."""

from __future__ import annotations

import math
from typing import Any

import click


class Speed(click.FloatRange):
    """A factor; click's own range lets "nan" through, which compares with nothing."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """*value* as a factor, or end with what is wrong with it."""
        factor = float(super().convert(value, param, ctx))
        if math.isnan(factor):
            self.fail("nan is not a speed", param, ctx)
        return factor
