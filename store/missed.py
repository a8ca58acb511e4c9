"""Pushes that a user's client has missed, from the short list that every push leaves.

`push` in lua/kernel.lua writes it in the step that gives the push its number, so it is as new as
the numbers are. It may lack some: those that are too old, those of a program that did not keep
them yet, those that Redis has lost. Then the numbers have a gap, and the portfolio itself has to be
shown.

Source: docs/decisions/0026.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from ..domain.ids import UserId
from ..domain.pushes import PortfolioEvent
from .keys import Keys
from .wire import decode_portfolio


def missed_pushes(
    client: redis.Redis, keys: Keys, user: UserId, after: int
) -> tuple[PortfolioEvent, ...] | None:
    """All of *user*'s pushes behind number *after*, in order; None if they are not to be had."""
    # In one transaction: the last number is that of the last push, if the list has it.
    with client.pipeline(transaction=True) as pipe:
        pipe.get(keys.pfseq(user))
        pipe.lrange(keys.pushes(user), 0, -1)
        found: Any = pipe.execute()
    last, texts = int(found[0] or 0), found[1]
    count = last - after
    if not 0 <= count <= len(texts):
        return None
    events = unbroken(texts[len(texts) - count :])
    if len(events) < count or (events and events[-1].seq != last):
        return None
    return events


def unbroken(texts: Sequence[str]) -> tuple[PortfolioEvent, ...]:
    """The newest of the pushes *texts*, back to where one is missing or not to be read."""
    events: list[PortfolioEvent] = []
    for event in map(decode_portfolio, reversed(texts)):
        if event is None or (events and event.seq != events[-1].seq - 1):
            break
        events.append(event)
    return tuple(reversed(events))
