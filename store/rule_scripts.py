"""The scripts that carry out what operators want of the market.

They are run by whoever holds the lock of `store/rules.py`, each time under a number higher than any
before: one that comes late, from a process that was frozen in between, is `OVERTAKEN`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from ..domain.ids import InstrumentIdx
from ..domain.limits import Limits
from ..domain.refusals import Refusal, Refused
from ..domain.ruling import Mode, halt_of
from . import wire
from .keys import Keys, State
from .lua import KERNEL, MARKET, RULES, TICKS, Call, LuaScript

LISTINGS = 100  #: tries to have no instrument appear between the look for all and the script


@dataclass(frozen=True, slots=True)
class OwnMode:
    """The mode that one instrument has by itself, and why, for clients."""

    idx: InstrumentIdx
    mode: Mode
    note: str


@dataclass(frozen=True, slots=True)
class OtherLimits:
    """The limits that one instrument is to have."""

    idx: InstrumentIdx
    limits: Limits


class RuleScripts:
    """The scripts, run through *client* on the keys named by *keys*."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._halt_set = LuaScript("halt_set", KERNEL, MARKET, TICKS, RULES)
        self._mode_set = LuaScript("mode_set", KERNEL, MARKET, TICKS, RULES)
        self._limits_set = LuaScript("limits_set", KERNEL, MARKET, TICKS)

    def halt_set(self, wanted: Sequence[OwnMode], number: int, now_ms: int) -> list[Refused | None]:
        """Give each instrument its own mode; why not, where that was refused."""
        keys = self._keys
        calls: list[Call] = [
            (
                [
                    keys.inst(each.idx),
                    keys.ticks(each.idx),
                    keys.dirty(State.INSTRUMENTS),
                    keys.mode,
                ],
                [
                    str(each.idx),
                    str(now_ms),
                    str(number),
                    str(int(halt_of(each.mode))),
                    each.note,
                ],
            )
            for each in wanted
        ]
        return list(map(_refusal, self._halt_set.run_all(self._client, calls)))

    def mode_set(self, mode: Mode, note: str, number: int, now_ms: int) -> Refused | None:
        """Give the market its mode, in all instruments at once; why not, if that was refused."""
        terms = [str(now_ms), str(number), str(int(halt_of(mode))), mode.value, note]
        for _ in range(LISTINGS):
            refused = _refusal(self._mode_set.run(self._client, *self._in_all(terms)))
            if refused is None or refused.code is not Refusal.LISTING:
                return refused
        raise RuntimeError(f"an instrument appeared at each of {LISTINGS} looks")

    def limits_set(
        self, wanted: Sequence[OtherLimits], number: int, now_ms: int
    ) -> list[Refused | None]:
        """Give each instrument its limits; why not, where that was refused."""
        keys = self._keys
        calls: list[Call] = [
            (
                [
                    keys.inst(each.idx),
                    keys.ticks(each.idx),
                    keys.dirty(State.INSTRUMENTS),
                    keys.open_by_club(each.idx),
                ],
                [str(each.idx), str(now_ms), str(number), *_limits(each.limits)],
            )
            for each in wanted
        ]
        return list(map(_refusal, self._limits_set.run_all(self._client, calls)))

    def _in_all(self, terms: Sequence[str]) -> Call:
        keys = self._keys
        members: Any = self._client.smembers(keys.instruments)
        listed = sorted(map(int, members))
        names = [keys.mode, keys.instruments, keys.dirty(State.INSTRUMENTS)]
        for idx in listed:
            names += [keys.inst(idx), keys.ticks(idx)]
        return names, [*terms, *map(str, listed)]


def _limits(limits: Limits) -> list[str]:
    numbers = (
        limits.depth,
        limits.qcap,
        limits.user_cap,
        limits.order_max,
        limits.half_spread_ppm,
        limits.fee_ppm,
        limits.mark_clamp_ppm,
        limits.max_leverage,
    )
    return [str(number) for number in numbers]


def _refusal(reply: Any) -> Refused | None:
    return wire.refusal_of(reply) if reply[0] == "refused" else None
