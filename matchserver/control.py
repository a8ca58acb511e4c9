"""The server's own endpoints under /_ctl: its clock, and what is to go wrong.

GET  /_ctl/clock                          {"now_ms": …, "speed": …}, calendar ms a real ms
POST /_ctl/advance  {"ms": 60000}         moves the clock on, {"now_ms": …, "speed": …}
POST /_ctl/faults   a fault plan          replaces the plan in force, {}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from .clock import WarpClock
from .faults import FaultPlan, Faults
from .replies import Reply, json_reply

Advance = Callable[[int], object]


class AdvanceBy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of POST /_ctl/advance: calendar ms to move on."""

    ms: Annotated[int, msgspec.Meta(ge=0)]


class Control:
    """Answers /_ctl requests. *advance* is None where the calendar is not ours to move."""

    def __init__(
        self, calendar: Callable[[], int], advance: Advance | None, faults: Faults
    ) -> None:
        self._calendar = calendar
        self._advance = advance
        self._faults = faults

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """The answer; 400 for a body that cannot be read, 409 for a clock that cannot be moved."""
        try:
            match method, path:
                case "GET", "/_ctl/clock":
                    return self._clock()
                case "POST", "/_ctl/advance":
                    return self._move(msgspec.json.decode(body, type=AdvanceBy))
                case "POST", "/_ctl/faults":
                    self._faults.follow(msgspec.json.decode(body, type=FaultPlan))
                    return json_reply({})
                case _:
                    return json_reply({"message": "No such control."}, 404)
        except msgspec.MsgspecError as error:
            return json_reply({"message": str(error)}, 400)

    def _move(self, by: AdvanceBy) -> Reply:
        if self._advance is None:
            return json_reply({"message": "This server's clock cannot be moved."}, 409)
        self._advance(by.ms)
        return self._clock()

    def _clock(self) -> Reply:
        speed = self._calendar.speed if isinstance(self._calendar, WarpClock) else 1
        return json_reply({"now_ms": self._calendar(), "speed": speed})
