"""Reads of hot state, and the few plain writes that need no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, NamedTuple

import redis

from ..domain.halts import Halt
from ..domain.ids import TREASURY, InstrumentIdx, UserId
from ..domain.instrument import Instrument
from ..domain.portfolio import HeldShares, Holding, OpenPosition, Portfolio, Wallet
from ..domain.position_events import PositionEvent
from ..domain.positions import Position
from ..domain.results import Pair
from ..domain.ticks import Tick
from .anyway import hset, write_anyway
from .commands import Base, Bases
from .hashes import holdings_of, instrument_hash, instrument_of, wallet_of
from .keys import Keys, State
from .life import life_of, life_of_redis
from .lua import LuaScript
from .market_mode import MarketMode, mode_in_redis
from .position_hashes import position_of
from .position_reads import close_in, newest_events, open_positions, positions_in
from .wire import tick_of


class Hot:
    """Instruments, wallets, holdings, positions and ticks as they are in Redis now."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._read = LuaScript("instruments_read")
        self._known: dict[InstrumentIdx, Instrument] = {}  # as they were when last read

    def instruments(self) -> tuple[Instrument, ...]:
        """All instruments, in the order of idx; one round trip, unless others are listed now.

        Those that have not changed since the last call are the same objects.
        """
        while True:
            known = self._known
            keys = [self._keys.instruments, *map(self._keys.inst, known)]
            versions = [f"{each.version} {each.last_tick_id}" for each in known.values()]
            members, *found = self._read.run(self._client, keys, versions)
            listed = [InstrumentIdx(idx) for idx in sorted(map(int, members))]
            if listed == list(known):
                self._known = {
                    idx: instrument if flat is None else instrument_of(idx, _fields(flat))
                    for (idx, instrument), flat in zip(known.items(), found, strict=True)
                }
                return tuple(self._known.values())
            self._known = self._each(listed)

    def _each(self, listed: Sequence[InstrumentIdx]) -> dict[InstrumentIdx, Instrument]:
        pipeline = self._client.pipeline(transaction=False)
        for idx in listed:
            pipeline.hgetall(self._keys.inst(idx))
        found = zip(listed, pipeline.execute(), strict=True)
        return {idx: instrument_of(idx, fields) for idx, fields in found}

    def instrument(self, idx: InstrumentIdx) -> Instrument | None:
        """One instrument, or None if there is none at *idx*."""
        fields: Any = self._client.hgetall(self._keys.inst(idx))
        return instrument_of(idx, fields) if fields else None

    def notes(self, wanted: Sequence[InstrumentIdx]) -> dict[InstrumentIdx, str]:
        """Why operators have halted those of *wanted* that they have, in their words."""
        pipeline = self._client.pipeline(transaction=False)
        for idx in wanted:
            pipeline.hget(self._keys.inst(idx), "note")
        return {idx: note for idx, note in zip(wanted, pipeline.execute(), strict=True) if note}

    def mode(self) -> MarketMode:
        """What the whole market may do."""
        return mode_in_redis(self._client, self._keys)

    def create_instrument(self, instrument: Instrument) -> bool:
        """Put *instrument* there unless something is there already; return whether it was put.

        It gets the halts of the market's mode besides its own.
        """
        key = self._keys.inst(instrument.idx)

        def create(pipeline: Any) -> bool:
            if pipeline.exists(key):
                return False
            rested = instrument.halt | Halt(int(pipeline.hget(self._keys.mode, "halt") or 0))
            pipeline.multi()
            pipeline.hset(key, mapping=instrument_hash(replace(instrument, halt=rested)))
            pipeline.sadd(self._keys.instruments, instrument.idx)
            pipeline.sadd(self._keys.dirty(State.INSTRUMENTS), instrument.idx)
            return True

        # Watched: of two replicas that create it at once, one comes too late and sees it. And one
        # that appears while the mode of the market changes is to be in the new one.
        transaction: Any = self._client.transaction  # its annotation forgets that create() returns
        return bool(transaction(create, key, self._keys.mode, value_from_callable=True))

    def wallet(self, user: UserId) -> Wallet:
        """The user's money; empty and at version 0 if they never had any."""
        fields: Any = self._client.hgetall(self._keys.wallet(user))
        return wallet_of(fields)

    def holdings(self, user: UserId) -> dict[InstrumentIdx, Holding]:
        """What the user holds now, in the order of idx."""
        fields: Any = self._client.hgetall(self._keys.hold(user))
        return _held(fields)

    def portfolio(self, user: UserId) -> Portfolio:
        """Everything the user owns, with the number of the last push it already contains."""
        return self.portfolios([user])[0]

    def portfolios(self, users: Sequence[UserId]) -> list[Portfolio]:
        """What each of *users* owns, all as of one moment; meant for a few at a time.

        Each has the number of the last push it already contains.
        """
        # In one transaction: a push after this one has the next number, and none is in between.
        snapshot = self._client.pipeline(transaction=True)
        for user in users:
            snapshot.get(self._keys.pfseq(user))
            snapshot.hgetall(self._keys.wallet(user))
            snapshot.hgetall(self._keys.hold(user))
            open_positions(snapshot, self._keys, user)
        replies = iter(snapshot.execute())
        found = [_Owned(*each) for each in zip(replies, replies, replies, replies, strict=True)]
        clubs = self._prices(set().union(*(each.clubs for each in found)))
        return [each.valued(user, clubs) for user, each in zip(users, found, strict=True)]

    def positions(self, user: UserId) -> tuple[Position, ...]:
        """The user's open positions, the newest first."""
        read = self._client.pipeline(transaction=False)
        open_positions(read, self._keys, user)
        return positions_in(read.execute()[0])

    def position(self, position_id: str) -> Position | None:
        """One position, open or closed within the last days; None if it is not known here."""
        fields: Any = self._client.hgetall(self._keys.pos(position_id))
        return position_of(fields) if fields else None

    def close_of(self, position_id: str) -> PositionEvent | None:
        """The event that has ended the position, while it waits to be in Postgres."""
        return close_in(newest_events(self._client, self._keys), position_id)

    def ticks(self, idx: InstrumentIdx, after: str | None, limit: int) -> tuple[Tick, ...]:
        """Ticks of *idx*, oldest first: the next *limit* after the id *after*, or the newest."""
        key = self._keys.ticks(idx)
        entries: Any
        if after is None:
            entries = self._client.xrevrange(key, count=limit)
            entries.reverse()
        else:
            entries = self._client.xrange(key, min=f"({after}", count=limit)
        return tuple(tick_of(entry_id, fields) for entry_id, fields in entries)

    def bases(self, fixture: int) -> Bases | None:
        """What settling *fixture* left; None unless Redis has it and Postgres lacks it.

        Remembered by the guard of lua/fixture_settle.lua: it is there if the result is.
        """
        with self._client.pipeline(transaction=False) as pipe:
            # The life first: if another begins between the two, it is the one that is over.
            pipe.hget(self._keys.wallet(TREASURY), "v")
            pipe.get(self._keys.settled(fixture))
            version, left = pipe.execute()
        if left is None or ":" not in left:  # one put back after a loss says only that it was
            return None
        home_px, home_version, away_px, away_version = map(int, left.split(":"))
        home, away = Base(home_px, home_version), Base(away_px, away_version)
        return Bases(home, away, life_of(int(version or 0)))

    def left_by(self, fixtures: Sequence[int]) -> list[Pair | None]:
        """The base prices, home and away, that the last act on each of *fixtures* has left.

        None where Redis does not know.
        """
        if not fixtures:
            return []
        found: Any = self._client.mget([self._keys.settled(fixture) for fixture in fixtures])
        return [_left(text) for text in found]

    def life(self) -> int:
        """The life that Redis is in; another one each time it was put back."""
        return life_of_redis(self._client, self._keys)

    def begin_feed_anew(self) -> None:
        """Have the scheduler, wherever it is, read again what it knows of matches."""
        write_anyway(self._client, [("INCR", self._keys.feed_anew)])

    def feed_begun_anew(self) -> int:
        """How often that was wanted."""
        found: Any = self._client.get(self._keys.feed_anew)
        return int(found or 0)

    def feed_health(self) -> dict[str, str]:
        """What the feed last said of itself; empty if it never did."""
        fields: Any = self._client.hgetall(self._keys.feed_health)
        return dict(fields)

    def set_feed_health(self, fields: Mapping[str, str | int]) -> None:
        """Note what the feed says of itself, over what it said of the same fields before."""
        texts = {field: str(value) for field, value in fields.items()}
        # The feed is read, and results are settled, however full Redis is.
        write_anyway(self._client, [hset(self._keys.feed_health, texts)])

    def _prices(self, wanted: Set[InstrumentIdx]) -> dict[InstrumentIdx, _Prices]:
        pipeline = self._client.pipeline(transaction=False)
        for idx in wanted:
            pipeline.hmget(self._keys.inst(idx), "sym", "bid", "ask", "mark")
        found = zip(wanted, pipeline.execute(), strict=True)
        return {
            idx: _Prices(sym, int(bid), int(ask), int(mark)) for idx, (sym, bid, ask, mark) in found
        }


class _Prices(NamedTuple):
    symbol: str
    bid_px: int
    ask_px: int
    mark_px: int


class _Owned:
    """What Redis has of one user, prices apart."""

    def __init__(self, seq: str | None, wallet: Any, shares: Any, positions: Any) -> None:
        self._seq = int(seq or 0)
        self._wallet = wallet_of(wallet)
        self._held = _held(shares)
        self._positions = positions_in(positions)

    @property
    def clubs(self) -> set[InstrumentIdx]:
        """Those whose prices it takes to value all of it."""
        return {*self._held, *(position.idx for position in self._positions)}

    def valued(self, user: UserId, clubs: Mapping[InstrumentIdx, _Prices]) -> Portfolio:
        """The portfolio at the prices of *clubs*."""
        return Portfolio(
            user,
            self._seq,
            self._wallet,
            tuple(_line(idx, holding, clubs[idx]) for idx, holding in self._held.items()),
            tuple(_open(position, clubs[position.idx]) for position in self._positions),
        )


def _line(idx: InstrumentIdx, holding: Holding, club: _Prices) -> HeldShares:
    return HeldShares(idx, club.symbol, holding, club.mark_px)


def _open(position: Position, club: _Prices) -> OpenPosition:
    return OpenPosition(club.symbol, position, club.bid_px, club.ask_px, club.mark_px)


def _fields(flat: Sequence[str]) -> dict[str, str]:
    """A hash that a script returned."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _held(fields: Mapping[str, str]) -> dict[InstrumentIdx, Holding]:
    return {idx: holding for idx, holding in holdings_of(fields).items() if holding.qty}


def _left(text: str | None) -> Pair | None:
    if text is None or ":" not in text:  # one put back after a loss says only that it was
        return None
    home_px, _, away_px, _ = map(int, text.split(":"))
    return Pair(home_px, away_px)
