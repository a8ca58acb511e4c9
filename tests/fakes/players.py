"""The same story in play: orders wait, prices move, and positions are closed by them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import redis as redis_module
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from touchline.domain.halts import Halt, Phase
from touchline.domain.orders import TradeTerms
from touchline.domain.positions import Stops
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store.commands import TradeCommand
from touchline.store.position_commands import CloseCommand, OpenCommand
from touchline.store.postgres import Postgres

from tests.fakes import duties
from tests.fakes.stepping import Fate, Steps
from tests.fakes.survivors import Survivors, clubs, fates, qtys, replicas, up, users

FEED = "the feed"
DELAY_MS = 1  #: any step of the story is later than that

few_steps = st.one_of(
    st.none(),
    st.builds(Fate, st.sampled_from(["kill", "freeze"]), st.integers(1, 12), st.booleans()),
)
booleans = st.booleans()
indexes = st.sampled_from([-2_500, -800, 0, 800, 2_500])
below, above = (
    st.sampled_from([None, 930_000, 980_000]),
    st.sampled_from([None, 1_020_000, 1_070_000]),
)


class Players(Survivors):
    """What `Survivors` do, and what happens in play."""

    def __init__(self, redis: redis_module.Redis, pg: Postgres) -> None:
        super().__init__(redis, pg)
        self._fate: Fate | None = None  # of whoever carries out the next command

    @initialize()
    def kick_off(self) -> None:
        """One club is in play, and positions are open in the other."""
        self.play(7, Phase.LIVE, Halt(0))
        self.open_with_stops("a", 1, 8, True, 100, 950_000, None)
        self.open_with_stops("a", 2, 8, False, 100, None, 1_050_000)
        self.open_with_stops("b", 3, 8, True, 100, None, None)

    @up
    @rule(idx=clubs, bps=indexes)
    def price(self, idx: int, bps: int) -> None:
        self._feed(IndexChange(idx=idx, now_ms=self.exchange.now_ms(), offset_bps=bps))

    @up
    @rule(
        idx=clubs,
        phase=st.sampled_from([Phase.LIVE, Phase.FINISHED]),
        halt=st.sampled_from([Halt(0), Halt(0), Halt.EVENT]),
    )
    def play(self, idx: int, phase: Phase, halt: Halt) -> None:
        now_ms = self.exchange.now_ms()
        self._feed(IndexChange(idx=idx, now_ms=now_ms, phase=phase, halt=halt))

    @up
    @rule(name=replicas, user=users, idx=clubs, side=st.sampled_from(list(Side)), qty=qtys)
    def trade_amount(self, name: str, user: int, idx: int, side: Side, qty: int) -> None:
        command = self.exchange.books.command(user, idx, side.value, qty)
        asked = TradeTerms(side, None, qty * 1_000, None)
        self._new(name, replace(command, asked=asked))

    @up
    @rule(name=replicas, user=users, idx=clubs, long=st.booleans(), qty=qtys, low=below, high=above)
    def open_with_stops(
        self,
        name: str,
        user: int,
        idx: int,
        long: bool,
        qty: int,
        low: int | None,
        high: int | None,
    ) -> None:
        stops = Stops(low, high) if long else Stops(high, low)
        side = "long" if long else "short"
        self._new(name, self.exchange.books.open_command(user, idx, side, qty, stops))

    @rule(fate=fates)
    def doom(self, fate: Fate | None) -> None:
        """Who carries out the next command will not get far."""
        self._fate = fate

    @rule(fate=few_steps)
    def release(self, fate: Fate | None) -> None:
        steps = Steps()
        self.exchange.work(steps, lambda: duties.release(self.exchange, steps), fate)

    @rule(fate=few_steps)
    def watch(self, fate: Fate | None) -> None:
        steps, owner = Steps(), f"watcher {self.exchange.now_ms()}"
        self.exchange.work(steps, lambda: duties.watch(self.exchange, steps, owner), fate)
        if fate is None and self.exchange.open:
            self.exchange.check_stops()

    @precondition(lambda self: self.exchange.timeline.world.stakes)
    @rule(fate=few_steps)
    def sweep(self, fate: Fate | None) -> None:
        steps = Steps()
        self.exchange.work(steps, lambda: duties.sweep(self.exchange, steps), fate)

    def teardown(self) -> None:
        super().teardown()
        duties.sweep(self.exchange, Steps())
        self.exchange.check_stops()

    def _feed(self, change: IndexChange) -> None:
        books = self.exchange.books
        books.redis.set(FEED, FEED)
        books.scripts.index_apply(change, FEED, FEED)

    def _carry_out(self, name: str, command: Any) -> None:
        if isinstance(command, TradeCommand | OpenCommand | CloseCommand):
            command = replace(command, delay_ms=DELAY_MS)
        replica, fate, self._fate = self.replicas[name], self._fate, None
        self._have(name, lambda: replica.carry_out(command), fate)
