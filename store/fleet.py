"""All replicas of all services, as each of them tells Redis every few seconds.

A replica that stops in good order takes itself off; one that falls silent stays
on the list for a while, with the last thing it said, because that is when
somebody wants to read it. How long it has been silent is judged by Redis' clock.

Source: docs/operations.md, "The fleet".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import redis
import structlog

from .keys import Keys
from .lua import LuaScript

FORGET_MS = 600_000  #: a silent replica is shown for this long
ORDER_S = 60  #: an order that its replica has not taken by then is void

log = structlog.get_logger(__name__)

_BEAT = LuaScript("replica_beat")
_FIELDS = frozenset({"version", "covers", "status", "report"})  #: of a heartbeat


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a replica is; *covers* are the services it does the work of."""

    service: str
    replica: str
    version: str
    covers: tuple[str, ...]

    @property
    def name(self) -> str:
        """Unique among all replicas."""
        return f"{self.service}:{self.replica}"


@dataclass(frozen=True, slots=True)
class Member:
    """A replica as it was last heard of; *report* is JSON of its own making."""

    who: Identity
    status: str
    silent_s: float
    report: str


@dataclass(frozen=True, slots=True)
class Held:
    """A duty that one replica at a time does.

    *owner* is the replica; None: nobody. *left_ms*: real ms until it is free, unless renewed.
    """

    lease: str
    owner: str | None
    left_ms: int


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator wants of a replica: that it restarts *child*."""

    child: str
    by: str  #: who wants it, for the log


@dataclass(frozen=True, slots=True)
class Roll:
    """Everybody who is there or was lately, and who holds which lease."""

    members: tuple[Member, ...]
    leases: Mapping[str, str]  #: owner by lease; free ones are left out


class Fleet:
    """The replicas' list in Redis. Every method may raise an outage of it.

    Args:
        leases: names of the leases to look after.
    """

    def __init__(
        self, client: redis.Redis, keys: Keys, me: Identity, leases: Sequence[str]
    ) -> None:
        self.me = me
        self._redis = client
        self._keys = keys
        self._leases = tuple(leases)

    def beat(self, status: str, report: str) -> tuple[Roll, tuple[Order, ...]]:
        """Tell how we are; return how everybody is, and what was ordered of us since."""
        me, keys = self.me, self._keys
        reply = _BEAT.run(
            self._redis,
            [keys.heartbeat(me.name), keys.heartbeats, keys.orders(me.replica)],
            [me.name, me.version, ",".join(me.covers), status, report, str(FORGET_MS)],
        )
        now_ms, orders, listed = int(reply[1]), reply[2], reply[3]
        silent = {
            name: (now_ms - int(beat_ms)) / 1000
            for name, beat_ms in zip(listed[::2], listed[1::2], strict=True)
        }
        return self._roll(silent), tuple(filter(None, map(_order, orders)))

    def leave(self) -> None:
        """Take this replica off the list."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.zrem(self._keys.heartbeats, self.me.name)
        pipeline.delete(self._keys.heartbeat(self.me.name))
        pipeline.execute()

    def order(self, replica: str, order: Order) -> None:
        """Have *replica* carry out *order* at its next beat, unless that is too late."""
        key = self._keys.orders(replica)
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.rpush(key, msgspec.json.encode(order))
        pipeline.expire(key, ORDER_S)
        pipeline.execute()

    def held(self) -> list[Held]:
        """Every lease as it is right now, free ones too."""
        names = [self._keys.lease(lease) for lease in self._leases]
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.mget(names)
        for name in names:
            pipeline.pttl(name)
        owners, *left = pipeline.execute()
        return [
            Held(lease, owner, max(0, left_ms))
            for lease, owner, left_ms in zip(self._leases, owners, left, strict=True)
        ]

    def _roll(self, silent: Mapping[str, float]) -> Roll:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.mget([self._keys.lease(lease) for lease in self._leases])
        for name in silent:
            pipeline.hgetall(self._keys.heartbeat(name))
        owners, *beats = pipeline.execute()
        held = {lease: who for lease, who in zip(self._leases, owners, strict=True) if who}
        members = (
            _member(name, silent[name], beat) for name, beat in zip(silent, beats, strict=True)
        )
        return Roll(tuple(member for member in members if member is not None), held)


def _member(name: str, silent_s: float, beat: Mapping[str, Any]) -> Member | None:
    # One that left between the two reads, or that speaks otherwise than we do: it must not
    # cost the sight of all others.
    if not beat.keys() >= _FIELDS or not _is_json(beat["report"]):
        return None
    service, _, replica = name.partition(":")
    who = Identity(service, replica, beat["version"], tuple(beat["covers"].split(",")))
    return Member(who, beat["status"], silent_s, beat["report"])


def _order(raw: str) -> Order | None:
    try:
        return msgspec.json.decode(raw, type=Order)
    except msgspec.DecodeError:  # of another version: it must not cost those beside it
        log.warning("order that cannot be read")
        return None


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except ValueError:
        return False
    return True
