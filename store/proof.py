"""What a proof by SQL is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """A claim, and the query for whatever contradicts it."""

    name: str
    claim: str
    query: str


def follows(version: str, previous: str) -> str:
    """SQL: *version* comes right after *previous*, or is the first of a later epoch.

    A version is epoch * 2^32 + n; rebuilding Redis starts the next epoch at n = 0.
    """
    before = f"coalesce({previous}, 0)"
    return (
        f"({version} = {before} + 1"
        f" OR ({version} & 4294967295 = 1 AND {version} >> 32 > {before} >> 32))"
    )
