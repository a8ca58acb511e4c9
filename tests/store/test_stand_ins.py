"""Lost ticks: stops that were met by them are met by the candles in their place, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.candles import Candle, Interval, Span
from touchline.domain.halts import OPEN, Halt
from touchline.domain.ids import InstrumentIdx
from touchline.domain.position_events import By
from touchline.domain.positions import Position, Stops
from touchline.domain.ticks import IndexChange, Why
from touchline.store import stand_ins as stand_ins_module
from touchline.store.candles import Candles
from touchline.store.fence import Fence
from touchline.store.keys import OutboxName
from touchline.store.position_commands import PositionKey
from touchline.store.position_hashes import position_of
from touchline.store.postgres import Postgres
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import Rehydrated, rehydrate
from touchline.store.rolling import Rolling
from touchline.store.scanner import Scanner

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import AT_MS, facts_in
from tests.fakes.failing import Countdown, Killed
from tests.fakes.full import full

pytestmark = pytest.mark.external

CLUB = InstrumentIdx(7)
PX = 1_000_000  #: 100.0000, where the index begins
NOON_MS = AT_MS - AT_MS % 86_400_000 + 43_200_000 + 86_400_000


class Exchange:
    """Clubs, prices and candles; what Redis loses, and what is left when it is back."""

    def __init__(self, redis: redis_module.Redis, pg: Postgres) -> None:
        self.books = Books(redis, pg)
        self.redis, self.keys = redis, self.books.keys
        self.candles = Candles(pg)
        self.rolling = Rolling(redis, self.keys, self.candles)
        self.fence = Fence(pg, "candle-roller")
        self.fence.take()
        self.now_ms = NOON_MS
        self.price(0)

    def price(self, bps: int, *, after_ms: int = 1_000, halt: Halt = OPEN) -> None:
        """The feed moves the index of `CLUB` to *bps* above 100, some time after the last price."""
        self.now_ms += after_ms
        self.redis.set(self.keys.lease("scheduler"), "me")
        change = IndexChange(
            idx=CLUB, now_ms=self.now_ms, offset_bps=bps, halt=halt, heartbeat=True
        )
        self.books.scripts.index_apply(change, self.keys.lease("scheduler"), "me")

    def open(self, side: str = "long", **stops: int) -> Position:
        return self.books.open(1, CLUB, side, stops=Stops(**stops))

    def roll(self) -> None:
        """Candles and everything else reach Postgres."""
        while self.rolling.roll(self.fence).more:
            pass
        assert self.books.drain().everything().complete

    def emptied(self) -> Rehydrated:
        """What was put back into a Redis that had lost everything."""
        self.redis.flushdb()
        return self.rehydrated()

    def rehydrated(self) -> Rehydrated:
        self.redis.delete(self.keys.meta("run_id"))
        done = rehydrate(self.redis, self.keys, self.books.pg)
        assert done is not None
        return done

    def snapshot(self) -> dict[str, bytes]:
        return {key: self.redis.dump(key) for key in self.redis.scan_iter()}

    def go_back(self, moment: Mapping[str, bytes]) -> None:
        """A restart that lost its last seconds."""
        self.redis.flushdb()
        for key, dumped in moment.items():
            self.redis.restore(key, 0, dumped)

    def scan(self, *positions: Position) -> list[Mapping[str, str]]:
        """The closes that a sweep comes to, by their facts; everything must add up after it."""
        scanner = Scanner(self.redis, self.keys, self.books.scripts, lambda: self.now_ms)
        scanner.scan({CLUB: [each.id for each in positions]}, By.BACKSTOP_SWEEPER)
        stream = self.keys.outbox(OutboxName.POSITIONS)
        closes = [entry for entry in facts_in(self.redis, stream) if entry["k"] == "close"]
        assert self.books.drain().everything().complete
        report = reconcile(self.redis, self.keys, self.books.pg)
        assert report.ok, report.as_text()
        return closes

    def check(self, position: Position) -> object:
        """Bring *position* up to now, as before its owner's commands; its close, if a tick did."""
        scanner = Scanner(self.redis, self.keys, self.books.scripts, lambda: self.now_ms)
        return scanner.check(PositionKey(position.id, position.user, position.idx))

    def position(self, position: Position) -> Position:
        """*position* as it is now."""
        return position_of(self.redis.hgetall(self.keys.pos(position.id)))

    def stream(self) -> list[tuple[str, dict[str, Any]]]:
        return self.redis.xrange(self.keys.ticks(CLUB))


@pytest.fixture
def exchange(redis: redis_module.Redis, pg: Postgres) -> Exchange:
    return Exchange(redis, pg)


@pytest.mark.parametrize(
    ("side", "stops", "bps", "reason", "index_bps"),
    [
        ("long", {"stop_loss_px": PX * 97 // 100}, (-350, 100), "stop_loss", -350),
        ("long", {"take_profit_px": PX * 103 // 100}, (350, 0), "take_profit", 350),
        ("long", {}, (-1_100, 0), "liquidation", -1_100),
        ("short", {"stop_loss_px": PX * 103 // 100}, (350, 0), "stop_loss", 350),
        ("short", {"take_profit_px": PX * 97 // 100}, (-350, 0), "take_profit", -350),
        ("short", {}, (1_100, 0), "liquidation", 1_100),
    ],
)
def test_what_lost_prices_met_is_closed_at_the_index_of_their_extreme(
    exchange: Exchange,
    side: str,
    stops: dict[str, int],
    bps: tuple[int, ...],
    reason: str,
    index_bps: int,
) -> None:
    position = exchange.open(side, **stops)
    for each in bps:
        exchange.price(each)
    exchange.roll()
    rehydrated = exchange.emptied()

    [close] = exchange.scan(position)

    assert rehydrated.ticks == 2
    assert (close["id"], close["reason"], close["approx"]) == (position.id, reason, "1")
    assert int(close["tf"]) == PX + PX * index_bps // 10_000
    [tick] = exchange.redis.xrange(exchange.keys.ticks(CLUB), close["ttick"], close["ttick"])
    assert tick[1]["w"] == Why.CANDLE.value


def test_a_redis_that_is_full_gets_them_too(exchange: Exchange) -> None:
    position = exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-400)
    exchange.price(0)
    exchange.roll()

    with full(exchange.redis):
        rehydrated = exchange.emptied()

    assert rehydrated.ticks == 2
    assert [close["id"] for close in exchange.scan(position)] == [position.id]


@pytest.mark.parametrize(
    ("side", "stops", "bps", "after_ms", "reason"),
    [
        # Its low moves the trailing stop, its high meets it.
        ("short", {"trail_px": PX * 3 // 100}, (-400, 0), 100, "trailing_stop"),
        # An earlier candle moves it, and the high of the next one is the profit.
        (
            "long",
            {"trail_px": PX * 10 // 100, "take_profit_px": PX * 106 // 100},
            (400, 700),
            60_000,
            "take_profit",
        ),
    ],
)
def test_the_high_of_a_candle_closes_what_was_noted_at_its_low(
    exchange: Exchange,
    side: str,
    stops: dict[str, int],
    bps: tuple[int, int],
    after_ms: int,
    reason: str,
) -> None:
    position = exchange.open(side, **stops)
    exchange.price(bps[0], after_ms=60_000)
    exchange.price(bps[0], after_ms=after_ms)
    exchange.price(bps[1], after_ms=100)
    exchange.price(bps[0], after_ms=100)
    exchange.price(bps[0], after_ms=60_000)
    exchange.roll()
    exchange.emptied()

    closes = exchange.scan(position)

    assert [close["reason"] for close in closes] == [reason]


def test_what_was_lost_of_a_minute_is_stood_in_for_though_a_stop_trails(exchange: Exchange) -> None:
    stopped = exchange.open(stop_loss_px=PX * 97 // 100)
    trailing = exchange.open(trail_px=PX * 2 // 100)
    exchange.price(10, after_ms=2_000)
    moment = exchange.snapshot()
    exchange.price(-400, after_ms=2_000)
    exchange.price(0, after_ms=2_000)
    exchange.roll()
    exchange.go_back(moment)
    exchange.rehydrated()

    closes = exchange.scan(stopped, trailing)

    assert {close["id"]: close["reason"] for close in closes} == {
        stopped.id: "stop_loss",
        trailing.id: "trailing_stop",
    }


def test_what_lost_prices_did_not_close_is_closed_by_its_owner_once_it_is_checked(
    exchange: Exchange,
) -> None:
    stopped, kept = exchange.open(stop_loss_px=PX * 97 // 100), exchange.open()
    exchange.price(-400)
    exchange.price(0, after_ms=100)
    exchange.roll()
    exchange.emptied()

    assert exchange.check(kept) is None

    assert exchange.books.close(kept).qty == 0
    assert [close["id"] for close in exchange.scan(stopped)] == [kept.id, stopped.id]


def test_what_was_checked_at_a_candle_keeps_nobody_else_from_it(exchange: Exchange) -> None:
    stopped, kept = exchange.open(stop_loss_px=PX * 97 // 100), exchange.open()
    exchange.price(-400)
    exchange.price(0, after_ms=100)
    exchange.roll()
    exchange.emptied()
    # The watch had come to the tick that both were there at.
    watched = {"id": kept.checked_tick_id, "s": str(kept.checked_seq), "epoch": "1"}
    exchange.redis.hset(exchange.keys.watch(CLUB), mapping=watched)
    exchange.check(kept)

    assert [close["id"] for close in exchange.scan(kept, stopped)] == [stopped.id]


def test_a_stop_that_trailed_to_the_high_of_a_falling_candle_is_noted(exchange: Exchange) -> None:
    position = exchange.open(trail_px=PX * 20 // 100)
    exchange.price(500)
    exchange.price(100, after_ms=100)
    exchange.roll()
    exchange.emptied()

    exchange.check(position)

    assert exchange.position(position).best_px > PX * 104 // 100
    assert exchange.books.close(position).qty == 0


def test_lost_prices_that_concern_nobody_are_not_put_back(exchange: Exchange) -> None:
    position = exchange.open(stop_loss_px=PX * 95 // 100)
    exchange.price(-100)
    exchange.price(100)
    exchange.roll()

    assert exchange.emptied().ticks == 0
    assert exchange.scan(position) == []


def test_where_nothing_is_open_nothing_is_put_back(exchange: Exchange) -> None:
    exchange.books.close(exchange.open(stop_loss_px=PX * 97 // 100))
    exchange.price(-500)
    exchange.price(0)
    exchange.roll()

    assert exchange.emptied().ticks == 0


def test_prices_from_before_an_opening_or_a_change_close_nothing(exchange: Exchange) -> None:
    exchange.price(-500, after_ms=100)
    exchange.price(0, after_ms=100)
    opened = exchange.open(stop_loss_px=PX * 97 // 100)
    changed = exchange.open(stop_loss_px=PX * 92 // 100)
    exchange.price(-500)
    exchange.price(0, after_ms=100)
    exchange.books.restop(changed, PX * 97 // 100)
    exchange.price(10)
    exchange.roll()
    exchange.emptied()

    closes = exchange.scan(opened, changed)

    assert [close["id"] for close in closes] == [opened.id]


def test_prices_under_a_halt_close_nothing(exchange: Exchange) -> None:
    position = exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-500, halt=Halt.EVENT)
    exchange.price(0)
    exchange.roll()

    assert exchange.emptied().ticks == 0
    assert exchange.scan(position) == []


def test_what_redis_still_has_is_not_put_in_again(exchange: Exchange) -> None:
    position = exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-100)
    moment = exchange.snapshot()
    exchange.price(-400)
    exchange.price(0)
    exchange.roll()
    exchange.go_back(moment)
    before = exchange.stream()

    assert exchange.rehydrated().ticks == 2

    stream = exchange.stream()
    assert stream[: len(before)] == before
    assert [fields["s"] for _, fields in stream[len(before) :]] == ["4", "4"]
    [close] = exchange.scan(position)
    assert (close["ttick"], int(close["tf"])) == (stream[-2][0], PX * 96 // 100)


def test_a_redis_that_lost_no_tick_gets_none(exchange: Exchange) -> None:
    exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-400)
    exchange.roll()
    before = exchange.stream()

    assert exchange.rehydrated().ticks == 0
    assert exchange.stream() == before


@pytest.mark.parametrize("most", [stand_ins_module.MOST, 8], ids=["seconds", "minutes"])
def test_a_trailing_stop_follows_lost_prices(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(stand_ins_module, "MOST", most)
    position = exchange.open(trail_px=PX * 2 // 100)
    exchange.price(0, after_ms=60_000)
    exchange.price(500, after_ms=60_000)
    exchange.price(490, after_ms=60_000)
    exchange.price(-50, after_ms=60_000)  # neither at the first stop nor at the next step
    exchange.price(600, after_ms=60_000)
    for _ in range(8):
        exchange.price(600)
    exchange.roll()
    exchange.emptied()

    [close] = exchange.scan(position)

    assert (close["reason"], close["approx"]) == ("trailing_stop", "1")
    assert int(close["tf"]) == PX - PX * 50 // 10_000


@pytest.mark.parametrize("forgotten_s", [70, 80, 150])
def test_where_not_all_seconds_are_left_minutes_stand_in(
    exchange: Exchange, forgotten_s: int
) -> None:
    position = exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-400, after_ms=64_000)  # at 65 s
    exchange.price(0, after_ms=10_000)
    exchange.price(10, after_ms=10_000)
    exchange.price(-500, after_ms=100_000)
    exchange.price(0, after_ms=60_000)
    exchange.roll()
    while exchange.candles.forget(Interval.SECOND, NOON_MS + forgotten_s * 1_000):
        pass
    exchange.emptied()

    [close] = exchange.scan(position)

    assert int(close["tf"]) == PX * 96 // 100


def test_of_many_positions_the_first_one_checked_and_the_nearest_levels_count(
    exchange: Exchange,
) -> None:
    far = exchange.open(stop_loss_px=PX * 92 // 100)
    near = exchange.open(stop_loss_px=PX * 97 // 100)
    short = exchange.open("short", stop_loss_px=PX * 104 // 100)
    exchange.price(-400, after_ms=120_000)
    exchange.price(450, after_ms=120_000)
    exchange.price(0, after_ms=120_000)
    late = exchange.open("short", stop_loss_px=PX * 108 // 100)
    exchange.price(10, after_ms=120_000)
    exchange.roll()
    exchange.emptied()

    closes = exchange.scan(far, near, short, late)

    assert [close["id"] for close in closes] == [near.id, short.id]


def test_they_lie_before_the_last_tick_that_is_in_candles(exchange: Exchange) -> None:
    position = exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-400)
    exchange.roll()
    exchange.price(0, after_ms=100)
    assert exchange.books.drain().everything().complete
    exchange.emptied()

    assert not exchange.rolling.roll(exchange.fence).ticks
    assert len(exchange.scan(position)) == 1


def test_they_lie_before_the_newest_tick_though_candles_knew_newer_ones(
    exchange: Exchange,
) -> None:
    position = exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-400)
    assert exchange.books.drain().everything().complete
    exchange.price(0, after_ms=100)
    while exchange.rolling.roll(exchange.fence).more:
        pass
    exchange.emptied()

    newest = exchange.redis.hget(exchange.keys.inst(CLUB), "ts")
    assert all(int(tick_id.split("-")[0]) < int(newest) for tick_id, _ in exchange.stream())
    assert len(exchange.scan(position)) == 1


def test_the_market_goes_on_behind_them_and_candles_do_not_count_them(exchange: Exchange) -> None:
    exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-400)
    exchange.price(0, after_ms=100)
    exchange.roll()
    [before] = exchange.candles.read(CLUB, Interval.DAY, limit=1)
    exchange.emptied()

    assert not exchange.rolling.roll(exchange.fence).ticks
    exchange.price(20, after_ms=50)
    exchange.roll()

    [after] = exchange.candles.read(CLUB, Interval.DAY, limit=1)
    assert (after.last_seq, after.volume) == (before.last_seq + 1, before.volume)
    assert [fields["w"] for _, fields in exchange.stream()] == ["candle", "candle", "feed"]


def test_a_second_time_nothing_is_added(exchange: Exchange) -> None:
    exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-400)
    exchange.price(0)
    exchange.roll()
    exchange.emptied()
    before = exchange.stream()

    assert exchange.rehydrated().ticks == 0
    assert exchange.stream() == before


def test_of_two_at_once_one_puts_them_in(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-400)
    exchange.price(0)
    exchange.roll()
    exchange.emptied()
    exchange.redis.delete(exchange.keys.ticks(CLUB))
    made = stand_ins_module.StandIns(exchange.redis, exchange.keys, exchange.candles)
    other = stand_ins_module.StandIns(exchange.redis, exchange.keys, exchange.candles)
    in_order = stand_ins_module._in_order

    def overtaken(*args: Any) -> list[Candle]:
        monkeypatch.setattr(stand_ins_module, "_in_order", in_order)
        assert other.restore(lambda: None) == 2
        return in_order(*args)

    monkeypatch.setattr(stand_ins_module, "_in_order", overtaken)

    assert made.restore(lambda: None) == 0
    assert len(exchange.stream()) == 2


def test_whoever_dies_on_the_way_leaves_the_next_one_the_rest(exchange: Exchange) -> None:
    exchange.open(stop_loss_px=PX * 97 // 100)
    exchange.price(-400)
    exchange.price(0)
    exchange.roll()
    exchange.emptied()
    whole = exchange.stream()
    died = 0

    for step in range(40):
        exchange.redis.flushdb()
        exchange.redis.set(exchange.keys.meta("run_id"), "the one before")
        try:
            rehydrate(Countdown(step).guard(exchange.redis), exchange.keys, exchange.books.pg)
        except Killed:
            died += 1
        exchange.rehydrated()
        assert exchange.stream() == whole

    assert died > 10


def candle(at_ms: int, first_seq: int, last_seq: int) -> Candle:
    span = Span(1, 2)
    return Candle(
        interval=Interval.SECOND,
        at_ms=at_ms,
        **{f"{name}_px": 1 for name in ("open", "high", "low", "close")},
        **dict.fromkeys(("index", "bid", "ask", "mark"), span),
        volume=0,
        first_seq=first_seq,
        last_seq=last_seq,
    )


def test_of_numbers_given_twice_those_count_that_the_market_went_on_from() -> None:
    lost = [candle(1_000, 97, 98), candle(2_000, 99, 101), candle(3_000, 102, 103)]
    after = [candle(9_000, 99, 100), candle(10_000, 101, 101), candle(11_000, 104, 104)]
    club = stand_ins_module._Club(CLUB, "12000-0", 102, "900-0", 96, ())

    found = stand_ins_module._in_order([*after[::-1], *lost[::-1]], club)

    assert [(each.at_ms, each.first_seq) for each in found] == [
        (1_000, 97),
        (9_000, 99),
        (10_000, 101),
    ]
