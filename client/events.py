"""What a stream tells its user."""

from __future__ import annotations

from dataclasses import dataclass

from .messages import Data


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection is up, and what was followed before is being resumed on it."""

    connection: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone; another is tried after *retry_s*."""

    reason: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class Shown:
    """The whole state of a channel: what was known of it is replaced.

    Attributes:
        rebuilt: whether the exchange was put back since the state before: what was seen last may
            not have happened.
    """

    channel: str
    epoch: int
    seq: int
    data: Data
    rebuilt: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """A channel has moved to *seq*.

    Attributes:
        data: the members that changed; of the portfolio what happened, which *event* names.
    """

    channel: str
    seq: int
    data: Data
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """Messages of a channel that has them all, after *after_seq* and before *seq*, never came.

    The state is right all the same. Ticks are at ``/v1/instruments/{idx}/ticks``; a snapshot of the
    portfolio comes next.
    """

    channel: str
    after_seq: int
    seq: int


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A channel that was asked for does not exist (any more), and is not followed."""

    channel: str
    code: str


Event = Connected | Disconnected | Shown | Changed | Missed | Unavailable
