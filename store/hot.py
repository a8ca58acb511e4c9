"""Reads of hot state, and the few plain writes that need no script."""

from collections.abc import Mapping
from typing import Any

import redis

from ..domain.ids import InstrumentIdx, UserId
from ..domain.instrument import Instrument
from ..domain.portfolio import HeldShares, Holding, Portfolio, Wallet
from ..domain.ticks import Tick
from .commands import Base, Bases
from .hashes import holdings_of, instrument_hash, instrument_of, wallet_of
from .keys import Keys, State
from .wire import tick_of


class Hot:
    """Instruments, wallets, holdings and ticks as they are in Redis now."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def instruments(self) -> tuple[Instrument, ...]:
        """All instruments, in the order of idx."""
        members: Any = self._client.smembers(self._keys.instruments)
        indexes = [InstrumentIdx(idx) for idx in sorted(map(int, members))]
        pipeline = self._client.pipeline(transaction=False)
        for idx in indexes:
            pipeline.hgetall(self._keys.inst(idx))
        found = zip(indexes, pipeline.execute(), strict=True)
        return tuple(instrument_of(idx, fields) for idx, fields in found)

    def instrument(self, idx: InstrumentIdx) -> Instrument | None:
        """One instrument, or None if there is none at *idx*."""
        fields: Any = self._client.hgetall(self._keys.inst(idx))
        return instrument_of(idx, fields) if fields else None

    def create_instrument(self, instrument: Instrument) -> bool:
        """Put *instrument* there unless something is there already; return whether it was put."""
        key = self._keys.inst(instrument.idx)

        def create(pipeline: Any) -> bool:
            if pipeline.exists(key):
                return False
            pipeline.multi()
            pipeline.hset(key, mapping=instrument_hash(instrument))
            pipeline.sadd(self._keys.instruments, instrument.idx)
            pipeline.sadd(self._keys.dirty(State.INSTRUMENTS), instrument.idx)
            return True

        # Watched: of two replicas that create it at once, one comes too late and sees it.
        transaction: Any = self._client.transaction  # its annotation forgets that create() returns
        return bool(transaction(create, key, value_from_callable=True))

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
        # In one transaction: a push after this one has the next number, and none is in between.
        snapshot = self._client.pipeline(transaction=True)
        snapshot.get(self._keys.pfseq(user))
        snapshot.hgetall(self._keys.wallet(user))
        snapshot.hgetall(self._keys.hold(user))
        seq, wallet, fields = snapshot.execute()
        return Portfolio(user, int(seq or 0), wallet_of(wallet), self._lines(_held(fields)))

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
        left: Any = self._client.get(self._keys.settled(fixture))
        if left is None or ":" not in left:  # one put back after a loss says only that it was
            return None
        home_px, home_version, away_px, away_version = map(int, left.split(":"))
        return Bases(Base(home_px, home_version), Base(away_px, away_version))

    def feed_health(self) -> dict[str, str]:
        """What the feed last said of itself; empty if it never did."""
        fields: Any = self._client.hgetall(self._keys.feed_health)
        return dict(fields)

    def set_feed_health(self, fields: Mapping[str, str | int]) -> None:
        """Note what the feed says of itself, over what it said of the same fields before."""
        self._client.hset(
            self._keys.feed_health, mapping={field: str(value) for field, value in fields.items()}
        )

    def _lines(self, holdings: Mapping[InstrumentIdx, Holding]) -> tuple[HeldShares, ...]:
        pipeline = self._client.pipeline(transaction=False)
        for idx in holdings:
            pipeline.hmget(self._keys.inst(idx), "sym", "mark")
        marks = zip(holdings.items(), pipeline.execute(), strict=True)
        return tuple(
            HeldShares(idx, symbol, holding, int(mark)) for (idx, holding), (symbol, mark) in marks
        )


def _held(fields: Mapping[str, str]) -> dict[InstrumentIdx, Holding]:
    return {idx: holding for idx, holding in holdings_of(fields).items() if holding.qty}
