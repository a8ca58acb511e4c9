"""Operators' rules meet what waits and what is open, and come back with Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.halts import OPEN, Halt
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import new_instrument
from touchline.domain.limits import Limits, limits_of
from touchline.domain.orders import OrderStatus
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ruling import Mode
from touchline.domain.trading import Side
from touchline.store.commands import Filled
from touchline.store.hot import Hot
from touchline.store.instrument_rules import InstrumentRules, LimitsMoved, RuleChange
from touchline.store.life import Superseded
from touchline.store.market_mode import MarketModes, ModeChange, Moved
from touchline.store.rehydrate import rehydrate
from touchline.store.rule_scripts import OwnMode, RuleScripts
from touchline.store.rules import carried_out

from tests.fakes.bookkeeping import Books
from tests.fakes.exchange import ARS, EVE, Exchange
from tests.fakes.stops import Pit
from tests.fakes.waiting import RELEASE_MS, Waiting

CLUB = InstrumentIdx(7)


@pytest.fixture
def waiting(redis: redis_module.Redis) -> Iterator[Waiting]:
    waiting = Waiting(redis)
    yield waiting
    waiting.prove()


@pytest.fixture
def pit(redis: redis_module.Redis) -> Iterator[Pit]:
    exchange = Exchange(redis)
    exchange.list()
    yield Pit(exchange)
    exchange.prove()


def rule(exchange: Exchange, mode: Mode, number: int = 1, now_ms: int = 1) -> None:
    assert RuleScripts(exchange.client, exchange.keys).mode_set(mode, "", number, now_ms) is None


@pytest.mark.parametrize("mode", [Mode.REDUCE_ONLY, Mode.HALTED])
def test_an_order_that_waits_is_carried_out_by_the_mode_of_its_release(
    waiting: Waiting, mode: Mode
) -> None:
    waiting.place(Side.BUY, 2_000, delay_ms=0)
    bought, sold = waiting.pending(), waiting.pending(Side.SELL)

    rule(waiting, mode)
    waiting.release()

    records = [waiting.record(order) for order in (bought, sold)]
    refused = records[0].refused
    assert refused is not None
    assert refused.code is Refusal.MARKET_HALTED
    sale = OrderStatus.FILLED if mode is Mode.REDUCE_ONLY else OrderStatus.REJECTED
    assert [record.status for record in records] == [OrderStatus.REJECTED, sale]


def test_an_order_whose_halt_is_over_at_its_release_is_filled(waiting: Waiting) -> None:
    order = waiting.pending()
    rule(waiting, Mode.HALTED, 1)

    rule(waiting, Mode.ENABLED, 2)
    waiting.release(RELEASE_MS)

    assert waiting.record(order).status is OrderStatus.FILLED


def test_no_stop_is_met_while_the_market_is_halted_and_the_first_tick_after_it_counts(
    pit: Pit,
) -> None:
    stopped = pit.long(-300)
    rule(pit.exchange, Mode.HALTED, 1, pit.now_ms)
    pit.price(-350)
    pit.scanner.check(pit.key(stopped))
    assert pit.exchange.position(stopped).qty == 1_000

    pit.now_ms += 1
    rule(pit.exchange, Mode.ENABLED, 2, pit.now_ms)
    pit.scanner.check(pit.key(stopped))

    assert pit.exchange.position(stopped).qty == 0


def test_stops_are_met_while_the_market_is_reduced_only(pit: Pit) -> None:
    stopped = pit.long(-300)
    rule(pit.exchange, Mode.REDUCE_ONLY, 1, pit.now_ms)

    pit.price(-350)
    pit.scanner.check(pit.key(stopped))

    assert pit.exchange.position(stopped).qty == 0


class Crowded(Hot):
    """Lists another instrument whenever somebody has looked for all."""

    def smembers(self, key: str) -> Any:
        found = self._client.smembers(key)
        if len(found) < 4:
            idx = InstrumentIdx(len(found) + 1)
            self.create_instrument(new_instrument(idx, f"CLUB{idx}", "Club"))
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_what_is_listed_between_the_look_and_the_script_rests_too(
    redis: redis_module.Redis,
) -> None:
    exchange = Exchange(redis)
    exchange.list()
    crowded: Any = Crowded(redis, exchange.keys)

    refused = RuleScripts(crowded, exchange.keys).mode_set(Mode.HALTED, "", 1, 1)

    assert refused is None
    assert [each.halt for each in exchange.hot.instruments()] == [Halt.ADMIN] * 4


def test_who_was_frozen_with_the_lock_in_its_hand_comes_too_late(books: Books) -> None:
    scripts = RuleScripts(books.redis, books.keys)
    rules = InstrumentRules(books.pg, books.redis, books.keys)
    rules.set_mode(CLUB, Mode.HALTED, "", 1)

    (refused,) = scripts.halt_set([OwnMode(CLUB, Mode.ENABLED, "")], 0, 1)

    with pytest.raises(Superseded):
        carried_out(refused)
    assert books.hot.instrument(CLUB).halt == Halt.ADMIN


def test_what_redis_refuses_leaves_no_row(books: Books) -> None:
    rules = InstrumentRules(books.pg, books.redis, books.keys)
    assert isinstance(books.trade(idx=7, qty=5_000), Filled)

    rules.set_limits(CLUB, {"qcap": 4_999, "user_cap": 4_999}, 0, 1)

    assert books.rows("SELECT * FROM instrument_limits") == []
    assert rules.present(CLUB).limits_version == 0


def test_every_version_is_another_one(books: Books) -> None:
    modes = MarketModes(books.pg, books.redis, books.keys)
    rules = InstrumentRules(books.pg, books.redis, books.keys)

    first = modes.set(Mode.HALTED, "one", 0, 1)
    assert isinstance(first, ModeChange)
    assert modes.set(Mode.ENABLED, "two", 0, 2) == Moved(first.after)
    changed = rules.set_limits(CLUB, {"fee_ppm": 2_000}, 0, 3)
    assert isinstance(changed, RuleChange)
    late = rules.set_limits(CLUB, {"fee_ppm": 3_000}, 0, 4)

    assert late == LimitsMoved(changed.after.limits_version)
    assert changed.after.limits_version > first.after.version


def lost(books: Books) -> None:
    books.redis.flushdb()
    rehydrate(books.redis, books.keys, books.pg)


def test_rules_come_back_though_nothing_was_flushed(books: Books) -> None:
    MarketModes(books.pg, books.redis, books.keys).set(Mode.REDUCE_ONLY, "", 0, 1)
    rules = InstrumentRules(books.pg, books.redis, books.keys)
    rules.set_mode(CLUB, Mode.HALTED, "", 2)
    rules.set_limits(CLUB, {"max_leverage": 3}, 0, 3)

    lost(books)

    seven, eight = books.hot.instruments()
    assert (seven.halt, eight.halt) == (Halt.ADMIN | Halt.REDUCE_ONLY, Halt.REDUCE_ONLY)
    assert (seven.max_leverage, eight.max_leverage) == (3, 10)
    assert books.drain().everything().complete
    assert books.differences() == []


def test_a_rule_that_has_ended_does_not_come_back_with_an_older_row(books: Books) -> None:
    modes = MarketModes(books.pg, books.redis, books.keys)
    rules = InstrumentRules(books.pg, books.redis, books.keys)
    rules.set_mode(CLUB, Mode.HALTED, "", 1)
    halted = modes.set(Mode.REDUCE_ONLY, "", 0, 2)
    assert isinstance(halted, ModeChange)
    assert books.drain().everything().complete
    rules.set_mode(CLUB, Mode.ENABLED, "", 3)
    modes.set(Mode.ENABLED, "", halted.after.version, 4)

    lost(books)

    assert [each.halt for each in books.hot.instruments()] == [OPEN, OPEN]


def test_limits_that_what_is_open_has_outgrown_are_left_to_a_person(books: Books) -> None:
    """Redis loses them and the sale that made room for them; the purchase before it is known."""
    rules = InstrumentRules(books.pg, books.redis, books.keys)
    assert isinstance(books.trade(idx=7, qty=5_000), Filled)
    assert books.drain().everything().complete
    books.trade(idx=7, side="sell", qty=4_000)
    rules.set_limits(CLUB, {"qcap": 2_000, "user_cap": 2_000, "fee_ppm": 5_000}, 0, 1)

    lost(books)

    seven = books.hot.instrument(CLUB)
    assert (seven.inventory, seven.qcap, seven.fee_ppm) == (5_000, 5_000_000, 1_000)
    assert isinstance(limits_of(seven), Limits)
    assert books.drain().everything().complete


def test_a_late_number_is_refused_by_its_name(pit: Pit) -> None:
    scripts = RuleScripts(pit.exchange.client, pit.exchange.keys)
    scripts.halt_set([OwnMode(ARS, Mode.HALTED, ""), OwnMode(EVE, Mode.HALTED, "")], 5, 1)

    said = scripts.halt_set([OwnMode(ARS, Mode.ENABLED, ""), OwnMode(EVE, Mode.ENABLED, "")], 4, 1)

    assert said == [Refused(Refusal.OVERTAKEN)] * 2
