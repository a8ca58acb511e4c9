"""How many examples hypothesis tries in a test on real servers: few, or as many as one asks for."""

from hypothesis import settings

USUAL = 100  #: examples that hypothesis takes by itself


def examples(few: int) -> int:
    """*few*, or those of a profile that asks for more than usual, as `--hypothesis-profile`."""
    asked: int = settings.default.max_examples
    return asked if asked > USUAL else few
