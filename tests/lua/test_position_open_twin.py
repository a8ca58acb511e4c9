"""position_open.lua against its pure twin: orders near every limit."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from touchline.domain.cfd import Changed
from touchline.domain.halts import Halt
from touchline.domain.ids import TREASURY
from touchline.domain.instrument import Instrument, new_instrument, quoted
from touchline.domain.margin import initial_margin, liquidation_px
from touchline.domain.opening import POSITIONS_MAX, Exposure, OpenOrder, highest_leverage, opened
from touchline.domain.portfolio import Wallet, aside_e4
from touchline.domain.positions import NO_STOPS, Direction
from touchline.domain.refusals import Refused
from touchline.domain.trading import priced
from touchline.store.commands import Delayed
from touchline.store.hashes import instrument_hash, wallet_hash
from touchline.store.position_commands import Happened, OpenCommand

from tests.fakes.bourse import order_of
from tests.fakes.exchange import ANN, ARS, Exchange, wallet_fields
from tests.fakes.markets import instruments, within
from tests.fakes.scenes import beside, near, stops_at, treasuries, wallets
from tests.fakes.stage import fact_of, same

pytestmark = pytest.mark.external

_sides = st.sampled_from(Direction)
_yes = st.booleans()
_tenths = st.integers(0, 9)
_halts = st.sampled_from([0] * 28 + [4, 32])
_own = st.sampled_from([0, 0, 1, 10**6, 10**12])
_positions = st.sampled_from([0, 0, 0, 1, POSITIONS_MAX - 1, POSITIONS_MAX])


@dataclass(frozen=True)
class Case:
    """One order and the states it meets."""

    order: OpenOrder
    instrument: Instrument
    wallet: Wallet
    treasury: Wallet
    exposure: Exposure
    now_ms: int
    waits: bool = False
    own_e4: int = 0  #: of what is set aside, by the order that is carried out now


@st.composite
def cases(draw: DrawFn) -> Case:
    """Orders near every limit."""
    instrument = draw(instruments(halts=_halts))
    instrument = replace(instrument, max_leverage=within(draw, 1, 10))
    side, limit, choice = draw(_sides), instrument.order_limit, draw(_tenths)
    qty = (0, limit, limit + 1)[choice] if choice < 3 else within(draw, 1, max(1, limit))
    if draw(_tenths):
        instrument = _with_room(draw, instrument, side, qty)
    price = priced(replace(instrument, halt=Halt(0)), side, qty)
    px, value_e4, fee_e4 = 1, 1, 0
    if not isinstance(price, Refused):
        px, value_e4, fee_e4 = price.px, price.value_e4, price.fee_e4
    most = highest_leverage(instrument, side, max(1, qty))
    leverage = within(draw, 1, most) if draw(_tenths) else draw(_tenths)
    margin_e4 = initial_margin(value_e4, leverage or 1)
    # Exposure that leaves exactly what one user may have, or one unit more or less.
    room = max(0, instrument.user_cap - qty + draw(near)) if draw(_yes) else 0
    held = within(draw, 0, room) if side is Direction.LONG else 7
    stops = NO_STOPS
    if draw(_yes):
        liq_px = liquidation_px(side, px, margin_e4, max(1, qty))
        stops = draw(stops_at(instrument, side, liq_px))
    waits, own_e4 = draw(_yes), draw(_own)
    needed_e4 = margin_e4 + fee_e4
    wallet = draw(wallets(aside_e4(needed_e4) if waits and instrument.in_play else needed_e4))
    return Case(
        order=OpenOrder(
            position_id="p-1",
            user=ANN,
            idx=ARS,
            side=side,
            qty=qty,
            leverage=leverage,
            bound_px=max(1, px + draw(beside)) if draw(_tenths) < 3 else None,
            stops=stops,
        ),
        instrument=instrument,
        wallet=wallet.reserving(own_e4, int(own_e4 > 0)),
        treasury=draw(treasuries()),
        exposure=Exposure(
            held_qty=held,
            long_qty=room - held if side is Direction.LONG else 9,
            short_qty=room if side is Direction.SHORT else 11,
            positions=draw(_positions),
        ),
        now_ms=within(draw, 0, 2**43),
        waits=waits,
        own_e4=own_e4,
    )


def _with_room(draw: DrawFn, instrument: Instrument, side: Direction, qty: int) -> Instrument:
    """*instrument* that can sell or buy *qty*, just so or easily."""
    shorts, inventory = instrument.short_interest, instrument.inventory
    spare = instrument.qcap - qty
    if spare < 0:
        return instrument
    if side is Direction.SHORT:
        shorts = min(shorts, spare)
        inventory = max(inventory, -shorts)
    else:
        shorts, inventory = min(shorts, spare), min(inventory, spare - min(shorts, spare))
        inventory = max(inventory, -shorts)
    cap = max(instrument.user_cap, qty)
    return quoted(replace(instrument, short_interest=shorts, inventory=inventory, user_cap=cap))


def arrange(exchange: Exchange, case: Case) -> None:
    client, keys, has = exchange.client, exchange.keys, case.exposure
    client.flushdb()
    pipe = client.pipeline(transaction=False)
    pipe.hset(keys.inst(ARS), mapping=instrument_hash(case.instrument))
    pipe.hset(keys.wallet(ANN), mapping=wallet_fields(case.wallet))
    pipe.hset(keys.wallet(TREASURY), mapping=wallet_hash(case.treasury))
    held = {"1": has.held_qty, "l:1": has.long_qty, "s:1": has.short_qty, "l:2": 10**9}
    pipe.hset(keys.hold(ANN), mapping=held)
    if has.positions:
        pipe.sadd(keys.open_by_user(ANN), *(f"other-{n}" for n in range(has.positions)))
    pipe.execute()


@settings(max_examples=80)
@given(case=cases())
def test_the_script_opens_as_its_twin_does(exchange: Exchange, case: Case) -> None:
    arrange(exchange, case)
    expected = opened(
        case.order,
        case.instrument,
        case.wallet.reserving(-case.own_e4, -int(case.own_e4 > 0)),
        case.treasury,
        case.exposure,
        waits=case.waits,
        now_ms=case.now_ms,
    )
    command = OpenCommand(
        case.order,
        "key",
        "print",
        "mine",
        case.now_ms,
        delay_ms=5_000 if case.waits else 0,
        reserved_e4=case.own_e4,
    )
    if case.waits and case.instrument.in_play and isinstance(expected, Changed):
        fee_e4 = expected.position.fees_e4
        before = exchange.dump()
        outcome = exchange.run(command)
        assert outcome == Delayed(aside_e4(expected.position.margin_e4 + fee_e4))
        assert exchange.dump() == before
        exchange.client.flushdb()
        return

    happened = same(exchange, command, expected)

    if happened and not isinstance(expected, Refused):
        head: dict[str, Any] = {"idem": "key", "fp": "print", "coid": "mine", "ms": case.now_ms}
        after = expected.position
        assert happened.entry == fact_of(
            expected, k="open", event="p-1", tqty=after.qty, dm=after.margin_e4, **head
        )
        side = case.order.side.value[0]
        before = case.exposure.long_qty if side == "l" else case.exposure.short_qty
        grown = exchange.client.hget(exchange.keys.hold(ANN), f"{side}:1")
        assert int(grown) == before + after.qty
    exchange.client.flushdb()


@pytest.mark.parametrize(
    ("positions", "allowed"), [(POSITIONS_MAX - 1, True), (POSITIONS_MAX, False)]
)
def test_a_user_has_twenty_open_positions_and_no_more(
    exchange: Exchange, positions: int, allowed: bool
) -> None:
    exchange.fund(ANN)
    for _ in range(positions):
        exchange.open(Direction.LONG, 1)

    outcome = exchange.open(Direction.LONG, 1)

    assert isinstance(outcome, Happened) == allowed


def test_no_position_is_opened_with_the_mark_at_its_liquidation_price(exchange: Exchange) -> None:
    case = _at_the_mark()
    arrange(exchange, case)
    expected = opened(
        case.order, case.instrument, case.wallet, case.treasury, case.exposure, now_ms=5
    )

    same(exchange, OpenCommand(case.order, "key", "print", None, 5), expected)

    assert isinstance(expected, Refused)
    assert expected.details == {"liquidation_px": 1_005_000}
    exchange.client.flushdb()


def _at_the_mark() -> Case:
    """A long that would be liquidated at 100.5000, where the mark is held by its clamp.

    The club sells so much more than usual that leverage is not limited by what is open.
    """
    order = order_of("p-1", ANN, Direction.LONG, 1_000, leverage=10)
    for sold in range(560_000, 580_000):
        usual = new_instrument(ARS, "ARS", "Arsenal")
        club = quoted(replace(usual, inventory=sold, qcap=usual.depth))
        price = priced(club, Direction.LONG, 1_000)
        assert not isinstance(price, Refused)
        margin_e4 = initial_margin(price.value_e4, 10)
        if liquidation_px(Direction.LONG, price.px, margin_e4, 1_000) == 1_005_000:
            return Case(order, club, Wallet(10**8), Wallet(-(10**8)), Exposure(), 5)
    raise AssertionError("no such price")
