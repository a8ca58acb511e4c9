"""Reads of hot state against what the scripts wrote."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import new_instrument
from touchline.domain.portfolio import Wallet
from touchline.domain.positions import Direction
from touchline.domain.ruling import Mode
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store.hot import Hot
from touchline.store.keys import State
from touchline.store.rule_scripts import OwnMode, RuleScripts

from tests.fakes.exchange import ANN, ARS, BOB, EVE, LEASE, OWNER, Exchange

pytestmark = pytest.mark.external


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Exchange:
    return Exchange(redis)


def test_an_empty_redis_has_nothing_of_anything(exchange: Exchange) -> None:
    hot = exchange.hot

    assert (hot.instruments(), hot.instrument(ARS), hot.ticks(ARS, None, 5)) == ((), None, ())
    assert (hot.wallet(ANN), hot.holdings(ANN), hot.feed_health()) == (Wallet(0, 0, 0), {}, {})
    assert (hot.portfolio(ANN).seq, hot.portfolio(ANN).lines) == (0, ())


def test_instruments_come_back_as_they_were_made_in_the_order_of_idx(exchange: Exchange) -> None:
    made = [new_instrument(InstrumentIdx(idx), f"C{idx}", f"Klub {idx} Å") for idx in (10, 2, 1)]
    exchange.list(*made)

    assert exchange.hot.instruments() == tuple(sorted(made, key=lambda each: each.idx))
    assert exchange.hot.instrument(InstrumentIdx(10)) == made[0]


def test_an_instrument_that_has_not_changed_is_not_read_again(exchange: Exchange) -> None:
    exchange.list()
    exchange.fund(ANN)
    before = {each.idx: each for each in exchange.hot.instruments()}

    exchange.order(Side.BUY, 1_000)
    after = {each.idx: each for each in exchange.hot.instruments()}

    assert after[EVE] is before[EVE]
    assert after[ARS] == exchange.hot.instrument(ARS) != before[ARS]


def test_an_instrument_that_is_lost_is_not_remembered(exchange: Exchange) -> None:
    exchange.list()
    exchange.hot.instruments()

    exchange.client.delete(exchange.keys.inst(ARS))

    with pytest.raises(KeyError):
        exchange.hot.instruments()


def test_an_instrument_is_never_made_over_another(exchange: Exchange) -> None:
    exchange.list()
    exchange.fund(ANN)
    exchange.order(Side.BUY, 1_000)
    traded = exchange.hot.instrument(ARS)

    assert not exchange.hot.create_instrument(new_instrument(ARS, "ARS", "Arsenal"))
    assert exchange.hot.instrument(ARS) == traded


def test_a_new_instrument_is_marked_for_the_flusher(exchange: Exchange) -> None:
    exchange.list()

    assert exchange.client.smembers(exchange.keys.dirty(State.INSTRUMENTS)) == {"1", "2"}


def test_a_portfolio_values_what_is_held_now_and_leaves_out_what_was(exchange: Exchange) -> None:
    exchange.list()
    exchange.fund(ANN)
    for idx in (EVE, ARS):
        exchange.order(Side.BUY, 10_000, idx=idx)
    exchange.order(Side.SELL, 10_000, idx=EVE)

    portfolio = exchange.hot.portfolio(ANN)

    ars = exchange.hot.instrument(ARS)
    assert ars is not None
    assert [(line.idx, line.symbol, line.mark_px) for line in portfolio.lines] == [
        (ARS, "ARS", ars.mark_px)
    ]
    assert portfolio.seq == 4
    assert portfolio.wallet == exchange.hot.wallet(ANN)
    assert exchange.hot.portfolio(BOB).equity_e4 == 0


def test_several_portfolios_are_those_that_each_user_has(exchange: Exchange) -> None:
    exchange.list()
    for user in (ANN, BOB):
        exchange.fund(user)
    exchange.order(Side.BUY, 10_000, idx=EVE)

    portfolios = exchange.hot.portfolios([BOB, ANN])

    assert portfolios == [exchange.hot.portfolio(BOB), exchange.hot.portfolio(ANN)]
    assert [len(each.lines) for each in portfolios] == [0, 1]
    assert exchange.hot.portfolios([]) == []


@pytest.mark.parametrize(
    ("after", "limit", "seqs"),
    [
        (None, 2, [4, 5]),
        (None, 10, [1, 2, 3, 4, 5]),
        ("2000-1", 2, [3, 4]),
        ("2000-4", 10, []),
        ("0-0", 1, [1]),
        ("9999-0", 1, []),
    ],
)
def test_ticks_are_read_oldest_first(
    exchange: Exchange, after: str | None, limit: int, seqs: list[int]
) -> None:
    exchange.list()
    exchange.fund(ANN)
    for _ in range(5):
        exchange.order(Side.BUY, 1)

    assert [tick.seq for tick in exchange.hot.ticks(ARS, after, limit)] == seqs


def test_the_feeds_health_is_kept_field_by_field(exchange: Exchange) -> None:
    exchange.hot.set_feed_health({"last_ok": 1, "state": "ok"})
    exchange.hot.set_feed_health({"last_ok": 2})

    assert exchange.hot.feed_health() == {"last_ok": "2", "state": "ok"}


def test_holdings_of_many_digits_survive_the_way_through_redis(exchange: Exchange) -> None:
    big = replace(
        new_instrument(ARS, "ARS", "Arsenal"), seq=2**53 - 1, version=2**53 - 1, inventory=-(10**8)
    )
    exchange.list(big)

    assert exchange.hot.instrument(ARS) == big
    assert exchange.hot.wallet(UserId(10**15)) == Wallet()


def acts(exchange: Exchange) -> dict[str, Callable[[], object]]:
    """Everything that changes an instrument."""
    scripts, rules = exchange.scripts, RuleScripts(exchange.client, exchange.keys)

    def feed(**changes: Any) -> object:
        return scripts.index_apply(IndexChange(idx=ARS, now_ms=5_000, **changes), LEASE, OWNER)

    return {
        "a trade": lambda: exchange.order(Side.BUY, 1_000),
        "a position": lambda: exchange.open(Direction.LONG, 1_000),
        "the index": lambda: feed(offset_bps=100),
        "the phase alone": lambda: feed(phase=Phase.FINISHED),
        "a sign of life": lambda: feed(heartbeat=True),
        "a halt of the feed": lambda: feed(halt=Halt.EVENT),
        "a result": lambda: scripts.fixture_settle(7, ARS, EVE, LEASE, OWNER),
        "a halt of operators": lambda: rules.halt_set([OwnMode(ARS, Mode.HALTED, "why")], 1, 6_000),
        "the mode": lambda: rules.mode_set(Mode.REDUCE_ONLY, "why", 1, 7_000),
    }


ACTS = (
    *("a trade", "a position", "the index", "the phase alone", "a sign of life"),
    *("a halt of the feed", "a result", "a halt of operators", "the mode"),
)


@pytest.mark.parametrize("act", ACTS)
def test_whoever_has_read_before_sees_every_change(exchange: Exchange, act: str) -> None:
    exchange.list()
    exchange.fund(ANN)
    before = exchange.hot.instruments()

    acts(exchange)[act]()

    assert exchange.hot.instruments() == Hot(exchange.client, exchange.keys).instruments()
    assert exchange.hot.instruments() != before
