"""A club with very many open positions, for bench/stops.py."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import redis
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument, quoted
from touchline.domain.margin import initial_margin, liquidation_px
from touchline.domain.positions import Direction, Position, Stops
from touchline.domain.ticks import IndexChange
from touchline.store.hashes import instrument_hash
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.lua import KERNEL, POSITIONS, LuaScript, _read
from touchline.store.position_calls import position_keys
from touchline.store.position_hashes import position_hash
from touchline.store.scripts import Scripts

IDX = InstrumentIdx(1)
USERS = 10_000
QTY = 100  #: 0.1 share each, so that 100,000 fit the club's limits
ID_PREFIX = "00000000-0000-7000-8000-"
FEED_LEASE, FEED = "lease:scheduler", "the feed"
CHUNK = 500
FILL = Path(__file__).with_name("stops_fill.lua")


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
        """Have the club be as *club* says."""
        self.client.hset(self.keys.inst(IDX), mapping=instrument_hash(club))

    def club(self) -> Instrument:
        """The club at this moment."""
        found = Hot(self.client, self.keys).instrument(IDX)
        assert found is not None
        return found

    def fill(self, count: int, stops: Stops, *, first: int = 0, users: int = USERS) -> None:
        """Open *count* longs and as many shorts, with *stops* for a long and mirrored ones."""
        for side in Direction:
            self._fill(side, count, stops, first, users)
            first += count
        club = self.club()
        shorts = club.short_interest + count * QTY
        self.put(quoted(replace(club, short_interest=shorts)))

    def tick(self, offsets_bps: Sequence[int]) -> None:
        """One tick of the feed for each of *offsets_bps*, a calendar second apart."""
        now_ms = self.club().ticked_ms
        for some in _chunks(offsets_bps):
            changes = []
            for offset_bps in some:
                now_ms += 1_000
                changes.append(
                    IndexChange(idx=IDX, now_ms=now_ms, offset_bps=offset_bps, heartbeat=True)
                )
            self.scripts.index_apply_all(changes, FEED_LEASE, FEED)

    def fund(self, user: UserId) -> None:
        """Give *user* more than they can spend."""
        self.client.hset(self.keys.wallet(user), mapping={"cash": 10**12, "locked": 0, "v": 1})

    def _fill(self, side: Direction, count: int, stops: Stops, first: int, users: int) -> None:
        position = _position(self.club(), side, stops)
        fill = _Fill()
        names = position_keys(self.keys, position.id, position.user, IDX)
        flat = [text for pair in position_hash(position).items() for text in pair]
        for at in range(first, first + count, CHUNK):
            some = str(min(CHUNK, first + count - at))
            fill.run(
                self.client,
                names,
                [some, str(at), str(users), ID_PREFIX, self.keys.pos(""), *flat],
            )


class _Fill(LuaScript):
    """`stops_fill.lua` of this folder."""

    def __init__(self) -> None:
        self._source = "\n".join([_read(KERNEL), _read(POSITIONS), FILL.read_text()])
        self.sha = hashlib.sha1(self._source.encode(), usedforsecurity=False).hexdigest()


def _position(club: Instrument, side: Direction, stops: Stops) -> Position:
    entry, value = club.index_px, club.index_px * QTY // 1000
    margin = initial_margin(value, 2)
    return Position(
        id="",
        user=UserId(1),
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


def _mirrored(stops: Stops, entry: int) -> Stops:
    """The same distances for a short."""

    def other(px: int | None) -> int | None:
        return None if px is None else 2 * entry - px

    return Stops(other(stops.stop_loss_px), other(stops.take_profit_px), stops.trail_px)


def _chunks(items: Sequence[int]) -> Iterator[list[int]]:
    left = iter(items)
    while some := list(islice(left, CHUNK)):
        yield some


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
