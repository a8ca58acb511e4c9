"""position_close.lua against its pure twin: by owners, and because of ticks."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from touchline.domain.cfd import Changed, exit_side
from touchline.domain.closing import closed, triggered
from touchline.domain.halts import Halt
from touchline.domain.instrument import new_instrument
from touchline.domain.margin import RUINED_AT, settle
from touchline.domain.opening import Exposure, opened
from touchline.domain.portfolio import Wallet
from touchline.domain.position_events import By
from touchline.domain.positions import Breach, CloseReason, Direction, Stops
from touchline.domain.pricing import ceil_div
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import Tick
from touchline.domain.trading import price_of
from touchline.store.keys import OutboxName
from touchline.store.position_commands import CloseCommand, TriggerCommand

from tests.fakes.bourse import order_of
from tests.fakes.exchange import ANN, ARS, Exchange
from tests.fakes.markets import within
from tests.fakes.scenes import OPEN_AT_MS, Scene, beside, scenes
from tests.fakes.stage import WHERE, arrange, fact_of, same, unscanned

pytestmark = pytest.mark.external

WITH_REDIS = settings(max_examples=60)


_sevenths = st.integers(0, 6)
OF_THE_ORDER = (
    Refusal.POSITION_CLOSED,
    Refusal.QUANTITY_INVALID,
    Refusal.QUANTITY_LIMIT_EXCEEDED,
)


@st.composite
def closes(draw: DrawFn) -> tuple[Scene, CloseCommand]:
    """A scene and what its owner wants: a part or all, bound at the price or nearly."""
    scene = draw(scenes(busy=1))
    position = scene.position
    part = within(draw, 1, max(1, position.qty))
    qty = (None, 0, position.qty, position.qty + 1, part, part, part)[draw(_sevenths)]
    px = price_of(scene.instrument, exit_side(position.side), qty or max(1, position.qty)).px
    bound_px = max(1, px + draw(beside)) if draw(st.booleans()) else None
    now_ms = within(draw, 0, 2**43)
    by = draw(st.sampled_from([By.CLIENT, By.CLIENT, By.ADMIN]))
    return scene, CloseCommand("e-1", WHERE, qty, bound_px, None, "key", "print", now_ms, by=by)


@WITH_REDIS
@given(case=closes())
def test_an_owner_or_an_admin_closes_as_the_twin_does(
    exchange: Exchange, case: tuple[Scene, CloseCommand]
) -> None:
    scene, command = case
    qty = scene.position.qty if command.qty is None else command.qty
    arrange(exchange, scene)
    expected = closed(
        scene.position,
        scene.instrument,
        scene.wallet,
        scene.treasury,
        qty=qty,
        bound_px=command.bound_px,
        now_ms=command.now_ms,
        reason=CloseReason(command.by),
    )
    # The script asks for a scan once the order itself is in order.
    if unscanned(scene) and not (isinstance(expected, Refused) and expected.code in OF_THE_ORDER):
        expected = Refused(Refusal.SCAN_FIRST)

    happened = same(exchange, command, expected)

    if happened and not isinstance(expected, Refused):
        who = command.by.value
        head = {"tqty": qty, "by": who, "reason": who, "ms": command.now_ms}
        assert happened.entry == fact_of(
            expected, k="close", event="e-1", idem="key", fp="print", **head
        )
    exchange.client.flushdb()


@settings(WITH_REDIS, max_examples=100)
@given(scene=scenes(), number=st.integers(0, 3), at=st.tuples(st.booleans(), st.integers(0, 2**43)))
def test_a_tick_closes_as_the_twin_does(
    exchange: Exchange, scene: Scene, number: int, at: tuple[bool, int]
) -> None:
    tick, (approximate, now_ms) = scene.ticks[-1 - number % len(scene.ticks)], at
    arrange(exchange, scene)
    expected = triggered(
        scene.position, scene.instrument, scene.wallet, scene.treasury, tick, now_ms=now_ms
    )

    command = TriggerCommand("e-1", WHERE, tick.id, By.STOP_WATCHER, approximate, None, now_ms)
    happened = same(exchange, command, expected)

    if happened and not isinstance(expected, Refused):
        assert happened.entry == fact_of(
            expected,
            k="close",
            event="e-1",
            tqty=scene.position.qty,
            ttick=tick.id,
            tf=tick.index_px,
            approx=int(approximate),
            by="stop-watcher",
            ms=now_ms,
        )
    exchange.client.flushdb()


@settings(WITH_REDIS, max_examples=30)
@given(scene=scenes())
def test_a_position_closed_by_a_tick_is_closed_for_good(exchange: Exchange, scene: Scene) -> None:
    arrange(exchange, scene)
    commands = [
        TriggerCommand(f"e-{n}", WHERE, tick.id, By.CHECK, False, None, OPEN_AT_MS)
        for n, tick in enumerate(scene.ticks * 2)
    ]

    outcomes = exchange.scripts.execute(commands)

    happened = [outcome for outcome in outcomes if not isinstance(outcome, Refused)]
    assert len(happened) <= 1
    assert len(exchange.client.xrange(exchange.keys.outbox(OutboxName.POSITIONS))) == len(happened)
    exchange.client.flushdb()


@settings(WITH_REDIS, max_examples=10)
@given(scene=scenes())
def test_a_tick_that_is_gone_closes_nothing(exchange: Exchange, scene: Scene) -> None:
    arrange(exchange, replace(scene, position=replace(scene.position, qty=1)))
    before = exchange.dump()

    outcome = exchange.run(TriggerCommand("e-1", WHERE, "5-0", By.CHECK, True, None, OPEN_AT_MS))

    assert outcome == Refused(Refusal.TICK_TRIMMED)
    assert exchange.dump() == before
    exchange.client.flushdb()


def _stage(side: Direction, stops: Stops) -> Scene:
    """A position of one share at leverage 10, just opened and arranged."""
    club = new_instrument(ARS, "ARS", "Arsenal")
    order = order_of("p-1", ANN, side, 1_000, leverage=10, stops=stops)
    done = opened(order, club, Wallet(10**8), Wallet(-(10**8)), Exposure(), now_ms=OPEN_AT_MS)
    assert isinstance(done, Changed)
    return Scene(done.position, done.instrument, done.wallet, done.treasury)


def _trigger(exchange: Exchange, scene: Scene, tick: Tick) -> Changed | Refused:
    """What *tick* makes of *scene*, by both."""
    club = replace(scene.instrument, seq=tick.seq, last_tick_id=tick.id)
    scene = replace(scene, instrument=club, ticks=(tick,))
    arrange(exchange, scene)
    expected = triggered(
        scene.position, scene.instrument, scene.wallet, scene.treasury, tick, now_ms=OPEN_AT_MS
    )
    same(
        exchange,
        TriggerCommand("e-1", WHERE, tick.id, By.CHECK, False, None, OPEN_AT_MS),
        expected,
    )
    exchange.client.flushdb()
    return expected


def _tick(index_px: int, bid_px: int, mark_px: int) -> Tick:
    return Tick(f"{OPEN_AT_MS}-1", 2, index_px, 0, bid_px, bid_px, mark_px, bid_px, "feed", Halt(0))


@pytest.mark.parametrize("side", Direction)
@pytest.mark.parametrize(("off", "happens"), [(0, True), (1, False)])
def test_an_uncovered_close_happens_once_the_mark_lost_as_much_beyond_three_quarters_of_the_margin(
    exchange: Exchange, side: Direction, off: int, happens: bool
) -> None:
    scene = _stage(side, Stops())
    position, sign = scene.position, side.sign
    far_px = position.entry_px - sign * position.margin_e4 * 2
    at_tick = replace(scene.instrument, index_px=far_px)
    value_e4 = price_of(at_tick, exit_side(side), position.qty).value_e4
    lacking_e4 = settle(position, position.qty, value_e4, at_tick.fee_ppm).shortfall_e4
    # Of one share a unit of price is a unit of money.
    lost_px = lacking_e4 + ceil_div(position.margin_e4 * RUINED_AT, 1_000)
    mark_px = position.entry_px - sign * (lost_px - off)

    outcome = _trigger(exchange, scene, _tick(far_px, far_px, mark_px))

    assert isinstance(outcome, Changed) == happens
    if isinstance(outcome, Refused):
        assert outcome.code is Refusal.INSUFFICIENT_MARGIN


@pytest.mark.parametrize("side", Direction)
@pytest.mark.parametrize(("off", "reason"), [(0, CloseReason.LIQUIDATION), (1, None)])
def test_a_take_profit_that_cannot_be_had_is_no_shield_against_liquidation(
    exchange: Exchange, side: Direction, off: int, reason: CloseReason | None
) -> None:
    sign = side.sign
    scene = _stage(side, Stops(take_profit_px=1_000_000 + sign * 10_000))
    mark_px = scene.position.liquidation_px + sign * off

    outcome = _trigger(exchange, scene, _tick(1_000_000, 1_000_000 + sign * 10_000, mark_px))

    if reason is None:
        assert isinstance(outcome, Refused)
        assert outcome.code is Refusal.TAKE_PROFIT_NOT_REACHABLE
    else:
        assert isinstance(outcome, Changed)
        assert outcome.position.reason is reason
        assert outcome.breach == Breach(reason, mark_px, mark_px)


@pytest.mark.parametrize("side", Direction)
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_stop_closes_what_the_margin_covers_to_the_last_unit(
    exchange: Exchange, side: Direction, beyond: int
) -> None:
    scene = _stage(side, Stops(stop_loss_px=1_000_000 - side.sign * 20_000))
    position, exit_ = scene.position, exit_side(side)
    lost_e4 = position.open_value_e4 - side.sign * (position.margin_e4 + beyond)
    index_px = next(
        px
        for px in range(lost_e4 - 5_000, lost_e4 + 5_000)
        if price_of(replace(scene.instrument, index_px=px), exit_, 1_000).value_e4 == lost_e4
    )
    stop_px = position.stops.stop_loss_px or 0

    outcome = _trigger(exchange, scene, _tick(index_px, stop_px, position.entry_px))

    if beyond > 0:
        assert isinstance(outcome, Refused)
        assert outcome.code is Refusal.INSUFFICIENT_MARGIN
    else:
        assert isinstance(outcome, Changed)
        assert outcome.settlement is not None
        assert (outcome.settlement.payout_e4, outcome.settlement.shortfall_e4) == (0, 0)


@pytest.mark.parametrize("off", [0, 1])
def test_of_two_stops_at_one_price_the_fixed_one_counts(exchange: Exchange, off: int) -> None:
    stops = Stops(stop_loss_px=980_000 - off, trail_px=20_000)
    scene = _stage(Direction.LONG, stops)
    scene = replace(scene, position=replace(scene.position, best_px=1_000_000))

    outcome = _trigger(exchange, scene, _tick(970_000, 970_000, 970_000))

    assert isinstance(outcome, Changed)
    assert outcome.position.reason is (CloseReason.TRAILING_STOP if off else CloseReason.STOP_LOSS)
