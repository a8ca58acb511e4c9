"""trade_execute.lua against its pure twin: single trades at the extremes, and whole histories."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import TREASURY, InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.money import AMOUNT_MAX
from touchline.domain.portfolio import Holding, Wallet, aside_e4, credit
from touchline.domain.refusals import Refused
from touchline.domain.ticks import IndexChange, apply_index, settled
from touchline.domain.trading import Execution, Order, Side, execute, priced
from touchline.store.commands import Credited, Delayed, Filled
from touchline.store.hashes import holding_hash, instrument_hash, wallet_hash

from tests.fakes.exchange import ANN, ARS, BOB, EVE, LEASE, OWNER, Exchange, wallet_fields
from tests.fakes.markets import VERSION_MAX, edged, instruments

pytestmark = pytest.mark.external

WITH_REDIS = settings(max_examples=80)


@dataclass(frozen=True)
class Case:
    """One order and the states it meets."""

    order: Order
    instrument: Instrument
    wallet: Wallet
    treasury: Wallet
    holding: Holding
    long_qty: int
    waits: bool
    own_e4: int  #: of what is set aside, by the order that is carried out now
    now_ms: int


_parts_long = st.integers(0, 4)
_mostly_open = st.integers(0, 19).map({18: 4, 19: 16, 17: 63}.get).map(lambda halt: halt or 0)
#: Around what is just enough: most often enough.
_near = st.sampled_from([0, 0, 0, 1, 10**6, -1])

_set_aside = st.sampled_from([0, 0, 1, 10**6, 10**12])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Orders near every limit, of which about a quarter is filled."""
    instrument = draw(instruments(halts=_mostly_open))
    side = draw(st.sampled_from(Side))
    limit = instrument.order_limit
    within = st.integers(1, max(1, limit))
    qty = draw(within | within | within | st.sampled_from([0, 1, limit, limit + 1]))
    if draw(st.integers(0, 9)):
        instrument = _with_room(instrument, side, qty)
    price = priced(replace(instrument, halt=Halt(0)), side, qty)
    px, cost = (1, 1) if isinstance(price, Refused) else (price.px, price.value_e4 + price.fee_e4)
    bought = side is Side.BUY
    held = 0 if bought else max(0, qty + draw(_near))
    # Purchases that leave exactly what one user may hold, or one unit more.
    room = max(0, instrument.user_cap - qty)
    held += draw(st.sampled_from([0, 0, room, room + 1, instrument.user_cap])) if bought else 0
    long_qty = draw(_parts_long) * held // 4 if bought else 7
    held -= long_qty if bought else 0
    waits = draw(st.booleans())
    needed = aside_e4(cost) if waits and instrument.in_play else cost
    free = draw(_near.map(lambda off: max(0, needed + off)) | edged(0, AMOUNT_MAX))
    others, own = draw(_set_aside), draw(_set_aside)
    return Case(
        order=Order(ANN, ARS, side, qty, draw(st.none() | _near.map(lambda off: max(1, px + off)))),
        instrument=instrument,
        wallet=Wallet(
            min(AMOUNT_MAX, free + others),
            draw(edged(0, AMOUNT_MAX)),
            draw(edged(0, VERSION_MAX)),
            others + own,
        ),
        treasury=Wallet(
            draw(st.integers(-(10**12), 10**12) | edged(-AMOUNT_MAX, AMOUNT_MAX)),
            0,
            draw(edged(0, VERSION_MAX)),
        ),
        holding=Holding(held, draw(edged(0, AMOUNT_MAX)), draw(edged(0, VERSION_MAX))),
        long_qty=long_qty,
        waits=waits,
        own_e4=own,
        now_ms=draw(edged(0, 2**43)),
    )


def _with_room(instrument: Instrument, side: Side, qty: int) -> Instrument:
    """*instrument* whose inventory and limits leave *qty* to be traded, exactly or more."""
    if side is Side.SELL:
        return instrument
    inventory = min(instrument.inventory, instrument.qcap - instrument.short_interest - qty)
    if inventory < -instrument.short_interest:
        return instrument
    return replace(instrument, inventory=inventory, user_cap=max(instrument.user_cap, qty))


def arrange(exchange: Exchange, case: Case) -> None:
    client, keys = exchange.client, exchange.keys
    client.flushdb()
    client.hset(keys.inst(ARS), mapping=instrument_hash(case.instrument))
    client.hset(keys.wallet(ANN), mapping=wallet_fields(case.wallet))
    client.hset(keys.wallet(TREASURY), mapping=wallet_hash(case.treasury))
    holdings = holding_hash(ARS, case.holding) | {f"l:{ARS}": str(case.long_qty)}
    client.hset(keys.hold(ANN), mapping=holdings)


def states(exchange: Exchange) -> tuple[Any, ...]:
    holdings = exchange.client.hgetall(exchange.keys.hold(ANN))
    return (
        exchange.hot.instrument(ARS),
        exchange.hot.wallet(ANN),
        exchange.hot.wallet(TREASURY),
        Holding(*(int(holdings[name]) for name in ("1", "c:1", "v:1"))),
    )


@WITH_REDIS
@given(case=cases())
def test_the_script_trades_as_its_twin_does(exchange: Exchange, case: Case) -> None:
    arrange(exchange, case)
    expected = execute(
        case.order,
        case.instrument,
        case.wallet.reserving(-case.own_e4, 0),
        case.treasury,
        case.holding,
        long_qty=case.long_qty,
        waits=case.waits,
        now_ms=case.now_ms,
    )

    outcome = exchange.order(
        case.order.side,
        case.order.qty,
        bound_px=case.order.bound_px,
        now_ms=case.now_ms,
        delay_ms=5_000 if case.waits else 0,
        reserved_e4=case.own_e4,
    )

    if isinstance(expected, Refused):
        assert outcome == expected
        assert states(exchange) == (case.instrument, case.wallet, case.treasury, case.holding)
    elif case.waits and case.instrument.in_play:
        price = expected.priced
        bought = case.order.side is Side.BUY
        assert outcome == Delayed(aside_e4(price.value_e4 + price.fee_e4) if bought else 0)
        assert states(exchange) == (case.instrument, case.wallet, case.treasury, case.holding)
    else:
        assert isinstance(outcome, Filled)
        assert_same(outcome, expected)
        assert states(exchange) == (
            expected.instrument, expected.wallet, expected.treasury, expected.holding,
        )  # fmt: skip
    exchange.client.flushdb()


def assert_same(outcome: Filled, expected: Execution) -> None:
    """Every number of the fact is the twin's, digit for digit."""
    entry = outcome.entry
    assert {name: entry[name] for name in ("px", "val", "fee", "rpnl", "seq", "tick")} == {
        "px": str(expected.priced.px),
        "val": str(expected.priced.value_e4),
        "fee": str(expected.priced.fee_e4),
        "rpnl": str(expected.realized_e4),
        "seq": str(expected.instrument.seq),
        "tick": expected.instrument.last_tick_id,
    }
    post_images = ("cash", "wv", "tcash", "tv", "turn", "hqty", "hcost", "hv", "q", "iv")
    assert [entry[name] for name in post_images] == [
        str(value)
        for value in (
            expected.wallet.cash_e4,
            expected.wallet.version,
            expected.treasury.cash_e4,
            expected.treasury.version,
            expected.treasury.version,
            expected.holding.qty,
            expected.holding.cost_e4,
            expected.holding.version,
            expected.instrument.inventory,
            expected.instrument.version,
        )
    ]


@dataclass
class Model:
    """The whole market as the pure rules have it."""

    instruments: dict[InstrumentIdx, Instrument] = field(
        default_factory=lambda: {
            ARS: new_instrument(ARS, "ARS", "Arsenal"),
            EVE: new_instrument(EVE, "EVE", "Everton"),
        }
    )
    wallets: dict[UserId, Wallet] = field(default_factory=dict)
    holdings: dict[tuple[UserId, InstrumentIdx], Holding] = field(default_factory=dict)

    def trade(self, order: Order, now_ms: int) -> bool:
        done = execute(
            order,
            self.instruments[order.idx],
            self.wallets.get(order.user, Wallet()),
            self.wallets.get(TREASURY, Wallet()),
            self.holdings.get((order.user, order.idx), Holding()),
            now_ms=now_ms,
        )
        if isinstance(done, Refused):
            return False
        self.instruments[order.idx] = done.instrument
        self.wallets[order.user], self.wallets[TREASURY] = done.wallet, done.treasury
        self.holdings[order.user, order.idx] = done.holding
        return True

    def fund(self, user: UserId) -> None:
        assert self.adjust(user, 100_000_000)

    def adjust(self, user: UserId, amount_e4: int) -> bool:
        done = credit(
            self.wallets.get(user, Wallet()), self.wallets.get(TREASURY, Wallet()), amount_e4
        )
        if isinstance(done, Refused):
            return False
        self.wallets[user], self.wallets[TREASURY] = done
        return True


_users = st.sampled_from([ANN, BOB])
_clubs = st.sampled_from([ARS, EVE])
#: Up to what one order may have in play, and out of play.
_quantities = edged(1, 12_500) | edged(12_501, 50_000)
_trades = st.tuples(st.just("trade"), _users, _clubs, st.sampled_from(Side), _quantities)
_steps = st.one_of(
    _trades,
    _trades,
    st.tuples(
        st.just("index"),
        _clubs,
        st.integers(-900, 900),
        st.sampled_from([0, 0, 0, 4]),
        st.sampled_from(Phase),
    ),
    st.just(("settle",)),
    st.tuples(st.just("adjust"), _users, st.integers(1, 10**8), st.sampled_from([1, -1, -1])),
)


@settings(WITH_REDIS, max_examples=25)
@given(steps=st.lists(_steps, min_size=10, max_size=40))
def test_any_history_leaves_what_the_rules_say(exchange: Exchange, steps: list[Any]) -> None:
    exchange.client.flushdb()
    exchange = Exchange(exchange.client)
    exchange.list()
    model = Model()
    for user in (ANN, BOB):
        exchange.fund(user)
        model.fund(user)

    for number, step in enumerate(steps):
        play(exchange, model, step, 1_000 * number)

    assert {each.idx: each for each in exchange.hot.instruments()} == model.instruments
    assert {user: exchange.hot.wallet(user) for user in model.wallets} == model.wallets
    for user in (ANN, BOB):
        held = {
            idx: holding
            for (owner, idx), holding in sorted(model.holdings.items())
            if owner == user and holding.qty
        }
        assert exchange.hot.holdings(user) == held
    exchange.prove()


def play(exchange: Exchange, model: Model, step: Any, now_ms: int) -> None:
    """One step, on both."""
    match step:
        case ("trade", user, idx, side, qty):
            outcome = exchange.order(side, qty, user=user, idx=idx, now_ms=now_ms)
            assert isinstance(outcome, Filled) == model.trade(Order(user, idx, side, qty), now_ms)
        case ("adjust", user, amount_e4, sign):
            outcome = exchange.adjust(user, sign * amount_e4)
            assert isinstance(outcome, Credited) == model.adjust(user, sign * amount_e4)
        case ("index", idx, offset_bps, halt, phase):
            change = IndexChange(
                idx=idx, now_ms=now_ms, offset_bps=offset_bps, halt=Halt(halt), phase=phase
            )
            exchange.scripts.index_apply(change, LEASE, OWNER)
            model.instruments[idx] = apply_index(model.instruments[idx], change)
        case ("settle",):
            exchange.scripts.fixture_settle(now_ms, ARS, EVE, LEASE, OWNER)
            for idx in (ARS, EVE):
                model.instruments[idx] = settled(model.instruments[idx])
