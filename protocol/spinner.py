"""What is told of the weekly draw. Source: docs/protocol.md, "The weekly spinner"."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .forms import Amount, Instant

WeekName = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-W[0-9]{2}$")]
#: SHA-256, or a seed as long, in hexadecimal.
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
RoundStatus = Literal["open", "drawn", "credited", "announced"]


class PrizeWon(msgspec.Struct, frozen=True):
    """A prize; `segment` is where the wheel stopped, from 0."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    user_id: int
    display_name: str
    segment: Annotated[int, msgspec.Meta(ge=0)]
    amount: Amount


class SpinnerRound(msgspec.Struct, frozen=True):
    """The draw of a week; `drawn_at` is null and nobody has won before it is announced."""

    week: WeekName
    status: RoundStatus
    commit: Digest
    committed_at: Instant
    draws_at: Instant
    drawn_at: Instant | None
    winners: Annotated[int, msgspec.Meta(ge=1)]
    segments: tuple[Amount, ...]
    results: tuple[PrizeWon, ...]


class SpinnerCurrent(msgspec.Struct, frozen=True):
    """The draw of this week, and the last one that was announced; null where there is none."""

    round: SpinnerRound | None
    last: SpinnerRound | None


class BoardPlace(msgspec.Struct, frozen=True):
    """A place of the final board that has tickets."""

    rank: Annotated[int, msgspec.Meta(ge=1, le=100)]
    user_id: int
    score: Amount


class ProvedPrize(msgspec.Struct, frozen=True):
    """A prize, as the draw has it."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    user_id: int
    segment: Annotated[int, msgspec.Meta(ge=0)]
    amount: Amount


class SpinnerProof(msgspec.Struct, frozen=True):
    """All that it takes to draw again; without seed and board before the draw is announced."""

    scheme: str
    week: WeekName
    status: RoundStatus
    commit: Digest
    committed_at: Instant
    beacon: str
    winners: Annotated[int, msgspec.Meta(ge=1)]
    segments: tuple[Amount, ...]
    board_hash: Digest | None
    board: tuple[BoardPlace, ...]
    seed: Digest | None
    results: tuple[ProvedPrize, ...]
    verifier: str


class SpinnerRun(msgspec.Struct, frozen=True):
    """How far a draw has come, and why it goes no further; `hindrance` is null where it does."""

    week: WeekName
    status: RoundStatus | None
    final: bool
    players: int
    unpaid: int
    hindrance: str | None
