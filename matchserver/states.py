"""The feed's match states: number, developer name and the names people read.

Numbers 10 and up differ between public clients of the feed; a reader should go
by the developer name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .matches import PeriodKind


@dataclass(frozen=True, slots=True)
class State:
    """One row of the feed's table of states."""

    id: int
    developer_name: str
    name: str
    short_name: str


STATES = (
    State(1, "NS", "Not Started", "NS"),
    State(2, "INPLAY_1ST_HALF", "1st Half", "1st"),
    State(3, "HT", "Half Time", "HT"),
    State(4, "BREAK", "Regular time finished", "BRK"),
    State(5, "FT", "Full Time", "FT"),
    State(6, "INPLAY_ET", "Extra Time", "ET"),
    State(7, "AET", "Finished after extra time", "AET"),
    State(8, "FT_PEN", "Full Time after penalties", "FTP"),
    State(9, "INPLAY_PENALTIES", "Penalty Shootout", "PEN"),
    State(10, "POSTPONED", "Postponed", "POST"),
    State(11, "SUSPENDED", "Suspended", "SUSP"),
    State(12, "CANCELLED", "Cancelled", "CANC"),
    State(13, "TBA", "To Be Announced", "TBA"),
    State(14, "WO", "Walk Over", "WO"),
    State(15, "ABANDONED", "Abandoned", "ABAN"),
    State(16, "DELAYED", "Delayed", "DELA"),
    State(17, "AWARDED", "Awarded", "AWAR"),
    State(18, "INTERRUPTED", "Interrupted", "INT"),
    State(19, "AU", "Awaiting Updates", "AU"),
    State(20, "DELETED", "Deleted", "DEL"),
    State(21, "EXTRA_TIME_BREAK", "Extra Time - Break", "ETB"),
    State(22, "INPLAY_2ND_HALF", "2nd Half", "2nd"),
    State(23, "INPLAY_ET_2ND_HALF", "ET - 2nd Half", "ET2"),
    State(25, "PEN_BREAK", "Penalties - Break", "PENB"),
    State(26, "PENDING", "Pending", "PEND"),
)
BY_NAME: Mapping[str, State] = {state.developer_name: state for state in STATES}

PLAYING: Mapping[PeriodKind, str] = {
    PeriodKind.FIRST_HALF: "INPLAY_1ST_HALF",
    PeriodKind.SECOND_HALF: "INPLAY_2ND_HALF",
    PeriodKind.EXTRA_FIRST: "INPLAY_ET",
    PeriodKind.EXTRA_SECOND: "INPLAY_ET_2ND_HALF",
    PeriodKind.SHOOT_OUT: "INPLAY_PENALTIES",
}
REST_BEFORE: Mapping[PeriodKind, str] = {
    PeriodKind.SECOND_HALF: "HT",
    PeriodKind.EXTRA_FIRST: "BREAK",
    PeriodKind.EXTRA_SECOND: "EXTRA_TIME_BREAK",
    PeriodKind.SHOOT_OUT: "PEN_BREAK",
}
FINISHED_AFTER: Mapping[PeriodKind, str] = {
    PeriodKind.SECOND_HALF: "FT",
    PeriodKind.EXTRA_SECOND: "AET",
    PeriodKind.SHOOT_OUT: "FT_PEN",
}

#: States in which the feed lists a match among those in play.
IN_PLAY = frozenset({*PLAYING.values(), *REST_BEFORE.values(), "SUSPENDED", "INTERRUPTED"})
FINISHED = frozenset(FINISHED_AFTER.values())


def state_named(developer_name: str) -> State:
    """The state of that name; a name the table lacks gets number 99."""
    unknown = State(99, developer_name, developer_name, developer_name)
    return BY_NAME.get(developer_name, unknown)
