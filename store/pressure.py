"""How full Redis is: facts that wait for Postgres, and memory.

Above `OUTBOX_MAX` facts, or four fifths of Redis' memory, nothing new is begun:
purchases and openings are refused (`NEW_TRADES_PAUSED`) until a tenth of those
facts has gone, or there is room again. What leads out of a risk goes on up to the
last byte and beyond: its scripts are carried out however full Redis is (`even_if_full`
in lua/kernel.lua).
Source: docs/decisions/0023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from .keys import Keys, OutboxName

MEMORY_MAX = 0.8  #: of `maxmemory`; the rest is for closes, prices and what waits already
#: Of the limit of facts. With one threshold trades would be taken and refused by turns, twice a
#: second. Not of memory: most of what an outage has added to that stays for a day, as replays.
RESUMED_AT = 0.9


@dataclass(frozen=True, slots=True)
class Load:
    """What was found at one look.

    Attributes:
        facts: in both streams.
        memory: share of `maxmemory` in use; None where Redis has no limit.
    """

    facts: int
    memory: float | None

    def excess(self, facts_max: int, paused: bool) -> str:
        """Why nothing new may begin; empty if it may. Facts end a pause well below their limit."""
        if self.facts > facts_max * (RESUMED_AT if paused else 1.0):
            return f"{self.facts} facts wait for Postgres"
        if self.memory is not None and self.memory > MEMORY_MAX:
            return f"Redis is {self.memory:.0%} full"
        return ""


def load(client: redis.Redis, keys: Keys) -> Load:
    """Look at Redis: one round trip, and nothing in it grows with what is stored."""
    with client.pipeline(transaction=False) as pipe:
        for name in OutboxName:
            pipe.xlen(keys.outbox(name))
        pipe.info("memory")
        *lengths, memory = pipe.execute()
    return Load(sum(lengths), _share(memory))


def _share(memory: dict[str, Any]) -> float | None:
    """As Redis counts before it refuses: without what it owes to its replicas and its log."""
    limit = memory.get("maxmemory", 0)
    if not limit:
        return None
    return float((memory["used_memory"] - memory.get("mem_not_counted_for_evict", 0)) / limit)
