"""Keeps the calls to the feed within its plan, over crashes and changes of the leader.

What is left is noted in Redis before a call is made, so that whoever comes next knows of it; what
the feed answers is believed below our own count, for others may use the same plan. Where it answers
nothing of the kind, our count is all there is, and begins with what the settings say of the plan.

Source: docs/operations.md, "The plan's budget".
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from ...domain.allowance import (
    HOURLY,
    Allowance,
    granted,
    look_due,
    refused,
    spent,
    told,
)
from ...domain.clock import rfc3339
from ...store.feed import FeedProvider

#: What is noted, and what it is of the allowance.
FIELDS = {
    "plan_left": "left",
    "plan_renewed": "renewed_ms",
    "plan_size": "size",
    "plan_due": "due_ms",
    "plan_shut": "shut_ms",
    "plan_heard": "heard",
    "plan_said": "said",
}


class Ledger(Protocol):
    """Where the allowance is noted for who comes next: the hash `feed:health`."""

    def feed_health(self) -> dict[str, str]:
        """All fields."""
        ...

    def set_feed_health(self, fields: Mapping[str, str | int]) -> None:
        """Set some of them."""
        ...


class Budget:
    """What the plan of *feed* has left; without a *ledger* nobody else knows.

    *hourly*: the calls an hour of the plan, should the feed not tell.
    """

    def __init__(
        self, feed: FeedProvider, ledger: Ledger | None = None, hourly: int = HOURLY
    ) -> None:
        self._feed = feed
        self._ledger = ledger
        self._allowance = Allowance(hourly=hourly)

    def resume(self) -> None:
        """Go on from what whoever asked before has noted."""
        noted = self._ledger.feed_health() if self._ledger else {}
        if FIELDS.keys() <= noted.keys():
            fields = {FIELDS[name]: int(noted[name]) for name in FIELDS}
            # It may have been noted by a larger plan.
            fields["left"] = min(fields["left"], fields["size"] or self._allowance.hourly)
            self._allowance = replace(self._allowance, **fields)

    def granted(self, now_ms: int) -> bool:
        """Whether a call may be made."""
        return granted(self._allowance, now_ms)

    def look_due(self, now_ms: int) -> bool:
        """Whether the plan lasts if matches are looked at now."""
        return look_due(self._allowance, now_ms)

    def spend(self, now_ms: int) -> None:
        """A call is about to be made."""
        self._note(spent(self._allowance, now_ms))

    def answered(self, now_ms: int) -> None:
        """A good answer has come; take in what it said of the plan."""
        said = self._feed.status()
        if "remaining" in said:
            self._note(told(self._allowance, said["remaining"], said["resets_in_s"], now_ms))

    def refused(self, resets_in_s: int, now_ms: int) -> None:
        """The feed has refused a call: it will for *resets_in_s*, whoever asks."""
        self._note(refused(self._allowance, resets_in_s, now_ms))

    def wanting(self, now_ms: int) -> str:
        """Until when no call may be made, in words; empty if one may."""
        if self.granted(now_ms):
            return ""
        renewed_ms = self._allowance.renewed_ms if self._allowance.left == 0 else 0
        until = rfc3339(max(renewed_ms, self._allowance.shut_ms))
        return f"the plan's calls are used up until {until}"

    def _note(self, allowance: Allowance) -> None:
        self._allowance = allowance
        if self._ledger:
            fields = {name: getattr(allowance, of) for name, of in FIELDS.items()}
            self._ledger.set_feed_health(fields)
