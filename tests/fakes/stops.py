"""Positions and the prices that meet their stops, over an `Exchange`."""

from __future__ import annotations

from itertools import count
from typing import Any

from touchline.domain.halts import Halt
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.positions import Direction, Stops
from touchline.domain.ticks import IndexChange
from touchline.store.commands import Indexed
from touchline.store.position_commands import FollowCommand, PositionKey
from touchline.store.scanner import Scanner

from .exchange import ANN, ARS, LEASE, OWNER, Exchange

WATCHER = "the watcher"


class Pit:
    """An exchange whose prices a test moves, one calendar second a step, and a scanner."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._seconds = count(3)
        self.now_ms = 2_000
        self.scanner = self.new_scanner()
        exchange.client.set(exchange.keys.lease("stop-watcher"), WATCHER)

    def new_scanner(self, **replaced: Any) -> Scanner:
        """A scanner over the exchange, or over what stands for a part of it."""
        made = {"client": self.exchange.client, "scripts": self.exchange.scripts} | replaced
        return Scanner(made["client"], self.exchange.keys, made["scripts"], lambda: self.now_ms)

    def price(self, bps: int, *, idx: InstrumentIdx = ARS, halt: Halt | None = None) -> Indexed:
        """The feed's tick that moves the index to *bps* above its base price."""
        self.now_ms = next(self._seconds) * 1_000
        change = IndexChange(idx=idx, now_ms=self.now_ms, offset_bps=bps, halt=halt, heartbeat=True)
        moved = self.exchange.scripts.index_apply(change, LEASE, OWNER)
        assert isinstance(moved, Indexed)
        return moved

    def prices(self, *bps: int, idx: InstrumentIdx = ARS) -> list[Indexed]:
        """One tick each."""
        return [self.price(each, idx=idx) for each in bps]

    def long(self, stop_bps: int | None = None, profit_bps: int | None = None, **order: Any) -> str:
        """The id of a long of 1 share, with stops at so many bps above 100 (negative: below)."""
        stops = Stops(_px(stop_bps), _px(profit_bps), order.pop("trail_px", None))
        return self.open(Direction.LONG, stops=stops, **order)

    def open(self, side: Direction, qty: int = 1_000, **order: Any) -> str:
        """The id of a position opened now; its owner is given the money for it."""
        self.exchange.fund(order.get("user", ANN))
        return self.exchange.open(side, qty, now_ms=self.now_ms, **order).event.position.id

    def key(self, position_id: str, user: UserId = ANN, idx: InstrumentIdx = ARS) -> PositionKey:
        return PositionKey(position_id, user, idx)

    def passed_upto(self, tick: Indexed, idx: InstrumentIdx = ARS) -> None:
        """The watch of the club has dealt with everything up to *tick*."""
        watch = {"id": tick.tick_id, "s": tick.seq, "epoch": 1}
        self.exchange.client.hset(self.exchange.keys.watch(idx), mapping=watch)

    def noted(self, position_id: str, tick: Indexed) -> None:
        """Somebody else has checked the position up to *tick*, and nothing happened."""
        version = self.exchange.position(position_id).version
        [reply] = self.exchange.scripts.position_follow(
            [FollowCommand(self.key(position_id), version, tick.tick_id, tick.seq, None, False)]
        )
        assert isinstance(reply, int)


def _px(bps: int | None) -> int | None:
    return None if bps is None else 1_000_000 + 100 * bps
