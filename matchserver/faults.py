"""What goes wrong on purpose: requests that fail, and lies about matches.

A plan is given as JSON, to a running server or from a file:

    {"requests": [{"kind": "status", "status": 500, "times": 3},
                  {"kind": "freeze", "path": "/livescores/inplay", "times": null,
                   "from_ms": …, "to_ms": …}],
     "lies": [{"kind": "phantom", "fixture": 7, "incident": "goal", "side": "home",
               "from_ms": …, "to_ms": …}]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Literal

import msgspec

from .lies import AnyLie
from .replies import NOTHING_FOUND, Refusal, Reply, json_reply, refusal_reply, too_many_requests

FaultKind = Literal["status", "hang", "truncate", "garbage", "mistype", "empty", "freeze"]


class RequestFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way for requests to fail.

    Kinds: `status` answers with that HTTP status (a 429 without the time to
    wait); `hang` holds the true answer back for `seconds`; `truncate` cuts the
    body in half; `garbage` answers 200 with a web page; `mistype` with JSON of
    the wrong types; `empty` with the 200 that says nothing was found; `freeze`
    repeats the first answer to the same URL.

    Attributes:
        path: only requests whose path behind the version starts so; "" is all.
        times: how many requests it meets; null: all of them, until the next plan.
        from_ms, to_ms: calendar ms between which it meets any; null: no end.
    """

    kind: FaultKind
    path: str = ""
    times: Annotated[int, msgspec.Meta(ge=1)] | None = 1
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    seconds: Annotated[float, msgspec.Meta(ge=0, le=600)] = 30.0
    from_ms: int = 0
    to_ms: int | None = None

    def meets(self, path: str, now_ms: int) -> bool:
        """Whether a request for *path* at *now_ms* is one of its."""
        begun = self.from_ms <= now_ms and (self.to_ms is None or now_ms < self.to_ms)
        return begun and path.startswith(self.path)


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that is to go wrong from now on."""

    requests: tuple[RequestFault, ...] = ()
    lies: tuple[AnyLie, ...] = ()


WORTHLESS: Mapping[str, Reply] = {
    "garbage": Reply(200, b"<html><body>Down for maintenance</body></html>", "text/html"),
    "mistype": json_reply({"data": [{"id": "soon", "scores": 0}], "timezone": None}),
    "empty": json_reply({"message": NOTHING_FOUND, "timezone": "UTC"}),
}


class Faults:
    """The plan in force.

    Args: what waits so many real seconds (cut short by a stop); calendar now in ms.
    """

    def __init__(self, wait: Callable[[float], object], calendar: Callable[[], int]) -> None:
        self._wait = wait
        self._calendar = calendar
        self._left: list[tuple[RequestFault, int | None]] = []
        self._frozen: dict[tuple[RequestFault, str], Reply] = {}
        self._lies: dict[int, tuple[AnyLie, ...]] = {}

    def follow(self, plan: FaultPlan) -> None:
        """Replace the plan in force by *plan*; an empty one ends all faults."""
        self._left = [(fault, fault.times) for fault in plan.requests]
        self._frozen = {}
        self._lies = {}
        for lie in plan.lies:
            self._lies[lie.fixture] = (*self._lies.get(lie.fixture, ()), lie)

    def about(self, fixture: int) -> tuple[AnyLie, ...]:
        """The lies about *fixture*, in the order of the plan."""
        return self._lies.get(fixture, ())

    def answer(self, path: str, url: str, true_reply: Callable[[], Reply]) -> Reply:
        """The answer to *url*: the true one, or what the plan makes of it."""
        fault = self._take(path)
        if fault is None:
            return true_reply()
        match fault.kind:
            case "status":
                return _failed(fault.status)
            case "garbage" | "mistype" | "empty":
                return WORTHLESS[fault.kind]
            case "freeze":
                if (fault, url) not in self._frozen:
                    self._frozen[fault, url] = true_reply()
                return self._frozen[fault, url]
            case "truncate":
                reply = true_reply()
                return replace(reply, body=reply.body[: len(reply.body) // 2])
            case "hang":
                self._wait(fault.seconds)
                return true_reply()

    def _take(self, path: str) -> RequestFault | None:
        now_ms = self._calendar()
        for index, (fault, left) in enumerate(self._left):
            if fault.meets(path, now_ms):
                if left == 1:
                    del self._left[index]
                elif left is not None:
                    self._left[index] = fault, left - 1
                return fault
        return None


def _failed(status: int) -> Reply:
    if status == 429:
        return refusal_reply(too_many_requests())
    return refusal_reply(Refusal(status, "Server Error"))
