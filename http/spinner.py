"""The weekly draw: what is promised, what came of it, and how to draw it again.

Source: docs/protocol.md, "The weekly spinner".
"""

from __future__ import annotations

import time
from typing import Generic, TypeVar

from flask import Blueprint, Response

from ..domain.clock import Monotonic, rfc3339
from ..domain.leaderboard import Week, week_named, week_of
from ..domain.money import format_e4
from ..domain.spinner import BEACON, SCHEME, drawn_from_ms
from ..protocol.spinner import (
    BoardPlace,
    PrizeWon,
    ProvedPrize,
    SpinnerCurrent,
    SpinnerProof,
    SpinnerRound,
)
from ..store.draws import Draws, Round
from .answers import json_answer
from .deps import ApiDeps
from .operations import Operation
from .problems import FieldError, Problem, Refuse

AGE_S = 2.0  #: real seconds; everybody asks at the same moment of a Monday
KEPT = 64  #: weeks whose proof is kept; each is some 10 KiB
VERIFIER = "/web/verify_spinner.py"

Shown = TypeVar("Shown")


class Recent(Generic[Shown]):
    """What was last told under each of some names, so that many who ask have it read once."""

    def __init__(self, monotonic: Monotonic = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, Shown]] = {}

    def get(self, name: str) -> Shown | None:
        """What was kept under *name* at most `AGE_S` ago."""
        until, shown = self._kept.get(name, (0.0, None))
        return shown if self._monotonic() < until else None

    def keep(self, name: str, shown: Shown) -> Shown:
        """*shown*, which is kept; the name that was kept first makes room."""
        self._kept.pop(name, None)
        while len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[name] = (self._monotonic() + AGE_S, shown)
        return shown


def spinner_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file; open to everybody."""
    routes, draws = Blueprint("spinner", __name__), deps.draws
    rounds: Recent[SpinnerCurrent] = Recent()
    proofs: Recent[SpinnerProof] = Recent()

    @routes.get("/v1/spinner/current")
    @Operation(answers={200: SpinnerCurrent})
    def current_spinner() -> Response:
        """What is promised for the draw of this week, and the last draw."""
        week = week_of(deps.calendar())
        return json_answer(rounds.get(week.name) or rounds.keep(week.name, _current(draws, week)))

    @routes.get("/v1/spinner/<week>")
    @Operation(answers={200: SpinnerRound}, refusals=("SPINNER_UNKNOWN",))
    def one_spinner(week: str) -> Response:
        """What is promised for the draw of a week, or came of it."""
        return json_answer(_shown(draws, round_named(draws, week)))

    @routes.get("/v1/spinner/<week>/proof")
    @Operation(answers={200: SpinnerProof}, refusals=("SPINNER_UNKNOWN",))
    def spinner_proof(week: str) -> Response:
        """Everything that it takes to draw a week again."""
        known = proofs.get(week)
        return json_answer(known or proofs.keep(week, _proof(draws, round_named(draws, week))))

    return routes


def round_named(draws: Draws, name: str) -> Round:
    """The draw of the week called *name*. Raises Refuse where there is none."""
    week = week_named(name)
    found = draws.read(week) if week else None
    if found is None:
        raise spinner_unknown()
    return found


def spinner_unknown() -> Refuse:
    """A refusal (to raise) because there is no draw of such a week."""
    error = FieldError("/week", "is no week that has a draw", "path")
    return Refuse(Problem("SPINNER_UNKNOWN", "there is no such draw", (error,)))


def _current(draws: Draws, week: Week) -> SpinnerCurrent:
    this, last = draws.read(week), draws.last()
    return SpinnerCurrent(
        round=None if this is None else _shown(draws, this),
        last=None if last is None else _shown(draws, last),
    )


def _shown(draws: Draws, round_: Round) -> SpinnerRound:
    won = draws.winners(round_.week) if round_.announced else []
    drawn_ms = round_.drawn_ms if round_.announced else None
    return SpinnerRound(
        week=round_.week.name,
        status=round_.status.value,
        commit=round_.commit.hex(),
        committed_at=rfc3339(round_.committed_ms),
        draws_at=rfc3339(drawn_from_ms(round_.week)),
        drawn_at=None if drawn_ms is None else rfc3339(drawn_ms),
        winners=round_.wheel.winners,
        segments=tuple(map(format_e4, round_.wheel.segments)),
        results=tuple(
            PrizeWon(
                each.number, each.user, each.display_name, each.segment, format_e4(each.amount_e4)
            )
            for each in won
        ),
    )


def _proof(draws: Draws, round_: Round) -> SpinnerProof:
    told = round_.announced
    board = draws.board(round_.week) if told else []
    won = draws.winners(round_.week) if told else []
    return SpinnerProof(
        scheme=SCHEME,
        week=round_.week.name,
        status=round_.status.value,
        commit=round_.commit.hex(),
        committed_at=rfc3339(round_.committed_ms),
        beacon=BEACON,
        winners=round_.wheel.winners,
        segments=tuple(map(format_e4, round_.wheel.segments)),
        board_hash=round_.board_hash if told else None,
        board=tuple(BoardPlace(one.rank, one.user, format_e4(one.score_e4)) for one in board),
        seed=None if round_.seed is None else round_.seed.hex(),
        results=tuple(
            ProvedPrize(each.number, each.user, each.segment, format_e4(each.amount_e4))
            for each in won
        ),
        verifier=VERIFIER,
    )
