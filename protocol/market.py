"""What anybody may read of the market. Source: docs/protocol.md."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .forms import Amount, Instant, Price, Quantity, Seq, TickId
from .shapes import Goals


class Printed(msgspec.Struct, frozen=True):
    """One trade on the public tape."""

    seq: Annotated[int, msgspec.Meta(ge=1)]
    kind: Literal["spot", "cfd"]
    side: Literal["buy", "sell"]
    quantity: Quantity
    price: Price
    value: Amount
    tick: TickId
    executed_at: Instant


class FixtureEvent(msgspec.Struct, frozen=True):
    """What was new of a match at one look, and how it stood then."""

    id: Seq
    event: Literal[
        "goal",
        "goal_cancelled",
        "red_card",
        "red_card_cancelled",
        "penalty_scored",
        "penalty_cancelled",
        "state",
    ]
    side: Literal["home", "away"] | None
    minute: int | None
    state: str
    score: Goals
    penalties: Goals | None
    player: str | None
    how: Literal["own_goal", "penalty", "second_yellow"] | None
    observed_at: Instant
