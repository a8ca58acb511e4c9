"""A club with very many open positions, for bench/stops.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

import redis
from touchline.domain.halts import Halt
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument, quoted
from touchline.domain.margin import initial_margin, liquidation_px
from touchline.domain.positions import Direction, Position, Stops
from touchline.domain.ticks import IndexChange
from touchline.store.hashes import instrument_hash
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.lua import run_all
from touchline.store.position_calls import position_keys, script
from touchline.store.position_hashes import position_hash
from touchline.store.scripts import Scripts

IDX = InstrumentIdx(1)
USERS = 10_000
QTY = 100  #: 0.1 share each, so that 100,000 fit the club's limits
FEED_LEASE, FEED = "lease:scheduler", "the feed"
CHUNK = 500
T = TypeVar("T")


@dataclass
class Book:
    """One club on an empty Redis."""

    client: Any
    keys: Keys
    scripts: Scripts

    @classmethod
    def on(cls, client: redis.Redis) -> Book:
        """The club, deep enough for 100,000 positions and without any."""
        client.flushdb()
        book = cls(client, Keys(), Scripts(client, Keys()))
        client.set(FEED_LEASE, FEED)
        client.sadd(book.keys.instruments, IDX)
        book.put(_club())
        return book

    def put(self, club: Instrument) -> None:
        self.client.hset(self.keys.inst(IDX), mapping=instrument_hash(club))

    def club(self) -> Instrument:
        """The club at this moment."""
        found = Hot(self.client, self.keys).instrument(IDX)
        assert found is not None
        return found

    def fill(self, positions: Sequence[Position]) -> None:
        """Have *positions* open, with the wallets and the inventory that belong to them."""
        restore = script("position_restore")
        for some in _chunks(positions):
            calls = []
            for position in some:
                names = position_keys(self.keys, position.id, position.user, position.idx)
                flat = [text for pair in position_hash(position).items() for text in pair]
                calls.append((restore, (names, ["0", *flat])))
            run_all(self.client, calls)
        margins: dict[UserId, int] = {}
        for position in positions:
            margins[position.user] = margins.get(position.user, 0) + position.margin_e4
        pipeline = self.client.pipeline(transaction=False)
        for user, margin_e4 in margins.items():
            pipeline.hincrby(self.keys.wallet(user), "locked", margin_e4)
            pipeline.hset(self.keys.wallet(user), mapping={"cash": 10**8, "v": 1})
        pipeline.execute()
        long = sum(p.qty for p in positions if p.side is Direction.LONG)
        short = sum(p.qty for p in positions if p.side is Direction.SHORT)
        club = self.club()
        self.put(
            quoted(replace(club, inventory=club.inventory + long - short, short_interest=short))
        )

    def tick(self, offsets_bps: Sequence[int], *, halt: Halt | None = None) -> None:
        """One tick of the feed for each of *offsets_bps*, a calendar second apart."""
        now_ms = self.club().ticked_ms
        for some in _chunks(offsets_bps):
            changes = []
            for offset_bps in some:
                now_ms += 1_000
                changes.append(
                    IndexChange(
                        idx=IDX, now_ms=now_ms, offset_bps=offset_bps, halt=halt, heartbeat=True
                    )
                )
            self.scripts.index_apply_all(changes, FEED_LEASE, FEED)


def positions(
    book: Book, count: int, stops: Stops, *, user: UserId | None = None
) -> list[Position]:
    """*count* longs and shorts by turns, opened at the club's present tick."""
    club = book.club()
    return list(_positions(club, count, stops, user))


def _positions(
    club: Instrument, count: int, stops: Stops, user: UserId | None
) -> Iterator[Position]:
    for n in range(count):
        side = Direction.LONG if n % 2 == 0 else Direction.SHORT
        entry, value = club.index_px, club.index_px * QTY // 1000
        margin = initial_margin(value, 2)
        yield Position(
            id=f"00000000-0000-7000-8000-{n:012d}",
            user=user or UserId(1 + n % USERS),
            idx=IDX,
            side=side,
            qty_open=QTY,
            qty=QTY,
            leverage=2,
            entry_px=entry,
            open_value_e4=value,
            margin_e4=margin,
            liquidation_px=liquidation_px(side, entry, margin, QTY),
            stops=stops if side is Direction.LONG else _mirrored(stops, entry),
            best_px=None if stops.trail_px is None else entry,
            open_tick_id=club.last_tick_id,
            open_seq=club.seq,
            checked_tick_id=club.last_tick_id,
            checked_seq=club.seq,
            opened_ms=club.ticked_ms,
        )


def _chunks(items: Sequence[T]) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, CHUNK)):
        yield some


def _mirrored(stops: Stops, entry: int) -> Stops:
    """The same distances for a short."""

    def other(px: int | None) -> int | None:
        return None if px is None else 2 * entry - px

    return Stops(other(stops.stop_loss_px), other(stops.take_profit_px), stops.trail_px)


def _club() -> Instrument:
    return quoted(
        replace(
            new_instrument(IDX, "ARS", "Arsenal"),
            depth=100_000_000,
            qcap=50_000_000,
            user_cap=2_000_000,
            last_tick_id="1000-0",
            ticked_ms=1_000,
        )
    )
