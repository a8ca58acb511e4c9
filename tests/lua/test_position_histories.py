"""Whole histories of trades and positions, told to the scripts and to the pure rules."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import TREASURY, UserId
from touchline.domain.opening import OpenOrder
from touchline.domain.position_events import By
from touchline.domain.positions import Direction, Position, Stops
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Order, Side
from touchline.store.commands import Filled
from touchline.store.position_calls import follow_call, script
from touchline.store.position_commands import (
    CloseCommand,
    FollowCommand,
    Happened,
    MarginCommand,
    OpenCommand,
    PositionKey,
    StopsCommand,
    TriggerCommand,
)

from tests.fakes.bourse import Bourse, Followed, Triggered
from tests.fakes.exchange import ANN, ARS, BOB, EVE, LEASE, OWNER, Exchange

pytestmark = pytest.mark.external

FOLLOW = script("position_follow")
USERS = (ANN, BOB)

_users = st.sampled_from(USERS)
_clubs = st.sampled_from([ARS, ARS, ARS, EVE])
_quantities = st.sampled_from([1, 999, 12_500, 50_000]) | st.integers(1, 50_000)
_which = st.integers(0, 30)
_off = st.none() | st.integers(1, 60_000)
_offs = st.tuples(_off, _off, _off)
_shares = st.tuples(st.just("trade"), _users, _clubs, st.sampled_from(Side), _quantities)
_opens = st.tuples(
    st.just("open"),
    _users,
    _clubs,
    st.sampled_from(Direction),
    _quantities,
    st.sampled_from([1, 3, 5, 10, 10]),
    _offs,
)
_feeds = st.tuples(
    st.just("feed"),
    _clubs,
    st.integers(-900, 900),
    st.sampled_from([0, 0, 0, 0, 4]),
    st.sampled_from([Phase.SCHEDULED, Phase.SCHEDULED, Phase.LIVE]),
)
_steps = st.one_of(
    _shares,
    _opens,
    _opens,
    _feeds,
    st.tuples(st.just("close"), _which, st.integers(1, 100)),
    st.tuples(st.just("stops"), _which, _offs),
    st.tuples(st.just("margin"), _which, st.integers(-2_000_000, 9_000_000)),
    st.just(("scan",)),
)


@settings(max_examples=15)
@given(steps=st.lists(_steps, min_size=10, max_size=30))
def test_any_history_leaves_what_the_rules_say(exchange: Exchange, steps: list[Any]) -> None:
    exchange.client.flushdb()
    exchange = Exchange(exchange.client)
    exchange.list()
    both = Both(exchange)

    for number, step in enumerate(steps):
        both.play(step, 1_000 * (1 + number // 2))
        both.compare()

    both.scan(900_000)
    both.compare()
    exchange.prove()


class Both:
    """The scripts and the pure rules, told the same."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.bourse = Bourse()
        for user in USERS:
            exchange.fund(user)
            self.bourse.fund(user)

    def compare(self) -> None:
        hot, bourse = self.exchange.hot, self.bourse
        assert {each.idx: each for each in hot.instruments()} == bourse.instruments
        for user in (*USERS, TREASURY):
            assert hot.wallet(user) == bourse.wallets[user]
        assert {each.id: each for each in self.exchange.positions()} == bourse.positions

    def play(self, step: Any, now_ms: int) -> None:
        """One step, on both."""
        match step:
            case ("trade", user, idx, side, qty):
                outcome = self.exchange.order(side, qty, user=user, idx=idx, now_ms=now_ms)
                done = self.bourse.trade(Order(user, idx, side, qty), now_ms)
                assert isinstance(outcome, Filled) != isinstance(done, Refused)
            case ("open", user, idx, side, qty, leverage, offs):
                self._open(user, idx, side, qty, leverage, offs, now_ms)
            case ("feed", idx, offset_bps, halt, phase):
                change = IndexChange(
                    idx=idx, now_ms=now_ms, offset_bps=offset_bps, halt=Halt(halt), phase=phase
                )
                self.exchange.scripts.index_apply(change, LEASE, OWNER)
                self.bourse.feed(change)
            case ("scan",):
                self.scan(now_ms)
            case (_, which, *_):
                positions = list(self.bourse.positions.values())
                if positions:
                    self._change(step, positions[which % len(positions)], now_ms)

    def scan(self, now_ms: int) -> None:
        for position in self.bourse.open_positions():
            self._scan(position, now_ms)

    def _open(
        self, user: UserId, idx: Any, side: Direction, qty: int, leverage: int, offs: Any, at: int
    ) -> None:
        order = OpenOrder(
            position_id=self.exchange.new_id(),
            user=user,
            idx=idx,
            side=side,
            qty=qty,
            leverage=leverage,
            stops=self._stops(side, idx, offs),
        )
        key = self.exchange.new_id()
        self._same(OpenCommand(order, key, "fp", None, at), self.bourse.open(order, at))

    def _change(self, step: Any, position: Position, now_ms: int) -> None:
        where = PositionKey(position.id, position.user, position.idx)
        key, bourse = self.exchange.new_id(), self.bourse
        if position.qty and bourse.unscanned(position.id):
            command: Any = CloseCommand(key, where, None, None, None, key, "fp", now_ms)
            assert self.exchange.run(command) == Refused(Refusal.SCAN_FIRST)
            self._scan(position, now_ms)
        position = bourse.positions[position.id]
        match step:
            case ("close", _, percent):
                qty = max(1, position.qty * percent // 100)
                command = CloseCommand(key, where, qty, None, None, key, "fp", now_ms)
                done = bourse.close(position.id, qty, now_ms)
            case ("stops", _, offs):
                stops = self._stops(position.side, position.idx, offs)
                prices = (stops.stop_loss_px, stops.take_profit_px, stops.trail_px)
                command = StopsCommand(key, where, position.number, *prices, now_ms)
                done = bourse.restop(position.id, stops)
            case ("margin", _, amount_e4):
                command = MarginCommand(key, where, amount_e4, key, "fp", now_ms)
                done = bourse.remargin(position.id, amount_e4)
        self._same(command, done)

    def _scan(self, position: Position, now_ms: int) -> None:
        where = PositionKey(position.id, position.user, position.idx)
        for found in self.bourse.scan(position.id, now_ms):
            match found:
                case Triggered(_, tick, outcome):
                    key = self.exchange.new_id()
                    trigger = TriggerCommand(
                        key, where, tick.id, By.STOP_WATCHER, False, None, now_ms
                    )
                    self._same(trigger, outcome)
                case Followed(before, after, tick):
                    moved = after.best_px != before.best_px
                    follow = FollowCommand(
                        where,
                        before.version,
                        tick.id,
                        tick.seq,
                        tick.id if moved else None,
                        after.warned,
                    )
                    call = follow_call(self.exchange.keys, follow)
                    assert FOLLOW.run(self.exchange.client, *call) == ["ok", str(after.version)]

    def _same(self, command: Any, done: Any) -> None:
        outcome = self.exchange.run(command)
        if isinstance(done, Refused):
            assert outcome == done
        else:
            assert isinstance(outcome, Happened)

    def _stops(self, side: Direction, idx: Any, offs: Any) -> Stops:
        club, sign = self.bourse.instruments[idx], side.sign
        at_px = club.bid_px if side is Direction.LONG else club.ask_px
        stop, profit, trail = offs
        return Stops(
            None if stop is None else at_px - sign * stop,
            None if profit is None else at_px + sign * profit,
            trail,
        )
