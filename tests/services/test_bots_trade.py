"""Bots over a match on real servers: by the desks of HTTP, within people's limits, in the books."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from gevent.event import AsyncResult
from touchline.actors.bots.messages import StepDue
from touchline.actors.trading.messages import Execute
from touchline.domain.bots import ROSTER, BotKind
from touchline.domain.halts import Halt, Phase
from touchline.domain.quota import Rates
from touchline.domain.refusals import Refusal
from touchline.http.operations import Limit
from touchline.store.commands import TradeCommand
from touchline.store.position_commands import OpenCommand
from touchline.store.withdrawals import Withdrawals

from tests.fakes.bot_match import CLUBS, DELAY_MS, BotMatch
from tests.fakes.executor import DirectExecutor

MM = ROSTER[0]


@pytest.fixture
def match(redis, pg) -> BotMatch:
    match = BotMatch(redis, pg)
    match.engine.started()
    return match


def net(match: BotMatch, user: int, idx: int) -> int:
    portfolio = match.books.hot.portfolio(user)
    held = sum(line.holding.qty for line in portfolio.lines if line.idx == idx)
    mine = [each.position for each in portfolio.positions if each.position.idx == idx]
    return held + sum(each.sign * each.qty for each in mine)


def test_over_a_match_bots_trade_stay_within_their_caps_and_end_flat(match):
    for first in range(0, 90, 10):
        match.minutes(first, first + 10, Random(first))
        for bot, user in match.bots.items():
            assert all(abs(net(match, user, idx)) <= bot.cap(10_000_000) for idx in CLUBS)
    match.play(Phase.FINISHED, 90, Halt.MATCH_SUSPENDED)
    match.step()
    match.play(Phase.SCHEDULED, 90)
    for _ in range(5):
        match.step()

    assert match.agree()
    bots = match.bots
    traded = dict(match.books.rows("SELECT user_id, count(*) FROM trades GROUP BY 1"))
    assert {bot.kind for bot, user in bots.items() if user in traded} >= {BotKind.NOISE}
    opened = dict(match.books.rows("SELECT user_id, count(*) FROM cfd_events GROUP BY 1"))
    assert bots[MM] in {*traded, *opened}
    assert bots[ROSTER[3]] in opened
    for bot, user in bots.items():
        if bot.kind is not BotKind.MEAN_REVERT:
            assert [net(match, user, idx) for idx in CLUBS] == [0, 0]
    assert match.meter.results["noise-1", "pending"] > 10
    assert set(match.meter.refused) <= {"MARKET_HALTED", "TOO_MANY_POSITIONS"}


def test_in_play_an_order_of_a_bot_waits_as_long_as_anybodys(match):
    for _ in range(20):
        match.step()

    assert {each.delay_ms for each in commands(match)} == {DELAY_MS}
    waited = match.books.rows(
        "SELECT DISTINCT (extract(epoch FROM release_at - accepted_at) * 1000)::int FROM orders"
    )
    assert waited == [(DELAY_MS,)]


def commands(match: BotMatch) -> list[TradeCommand | OpenCommand]:
    executor = match.executor
    assert isinstance(executor, DirectExecutor)
    return commands_of(executor)


def commands_of(executor: DirectExecutor) -> list[TradeCommand | OpenCommand]:
    return [each for each in executor.commands if isinstance(each, TradeCommand | OpenCommand)]


def test_while_new_trades_pause_bots_begin_nothing(match):
    match.paused = True
    for _ in range(20):
        match.step()

    assert match.books.rows("SELECT count(*) FROM orders") == [(0,)]
    assert set(match.meter.refused) == {"NEW_TRADES_PAUSED"}


def test_a_bot_has_the_quota_of_a_user(redis, pg):
    match = BotMatch(redis, pg, rates=Rates(orders=1))
    match.engine.started()
    for user in match.bots.values():
        match.quotas.charge(Limit.ORDERS, user, 1_000)

    for _ in range(20):
        match.step()

    assert set(match.meter.refused) == {"RATE_LIMITED"}
    assert match.books.rows("SELECT count(*) FROM orders") == [(0,)]


def test_who_dies_between_an_order_and_its_answer_places_it_once(match):
    executor = match.executor
    assert isinstance(executor, DirectExecutor)
    executor.breaks_off = True
    while not commands_of(executor):
        match.step()
    placed, waiting = len(commands(match)), pending(match)
    executor.breaks_off = False

    match.engine = match.another()
    match.engine.started()
    match.engine.receive(StepDue())

    assert waiting == placed > 0
    assert pending(match) == waiting


def pending(match: BotMatch) -> int:
    count: int = match.books.redis.zcard(match.books.keys.pending_orders)
    return count


def test_an_engine_beside_another_that_believes_in_its_lease_adds_nothing(match):
    other = match.another()
    other.started()
    for _ in range(30):
        match.step()
        before = pending(match)
        other.receive(StepDue())
        assert pending(match) == before


def test_a_bot_that_has_lost_its_days_worth_opens_and_buys_nothing_more(redis, pg):
    match = BotMatch(redis, pg)
    match.engine = match.another(loss_e4=1)
    match.engine.started()
    match.minutes(0, 10, Random(1))
    for user in match.bots.values():
        assert match.books.hot.wallet(user).version >= 1
    spent = {bot.name for bot in ROSTER if match.meter.today_e4[bot.name] <= -1}
    assert spent

    before = len(commands(match))
    match.minutes(10, 20, Random(2))

    users = {user for bot, user in match.bots.items() if bot.name in spent}
    later = commands(match)[before:]
    begun = [
        each
        for each in later
        if (isinstance(each, OpenCommand) and each.order.user in users)
        or (isinstance(each, TradeCommand) and each.user in users and each.side.value == "buy")
    ]
    assert begun == []
    assert match.agree()


def test_bots_that_are_switched_off_begin_nothing_and_keep_what_they_have(match):
    match.minutes(0, 5, Random(3))
    match.books.rows(
        "INSERT INTO bot_switch (enabled, note, since_ms, version) VALUES (false, '', 1, 1)"
    )
    match.engine = match.another()  # whoever takes over looks at once
    match.engine.started()
    match.engine.receive(StepDue())
    before = len(commands(match))
    owned = {(bot, idx): net(match, user, idx) for bot, user in match.bots.items() for idx in CLUBS}
    assert any(owned.values())
    assert pending(match) == 0

    for minute in range(5, 10):
        match.play(Phase.LIVE, minute)
        match.step()

    assert len(commands(match)) == before
    assert pending(match) == 0
    assert owned == {key: net(match, match.bots[key[0]], key[1]) for key in owned}
    assert match.agree()


def test_what_waits_of_bots_is_taken_back_when_they_are_switched_off(match):
    while not pending(match):
        match.step()
    bots = set(match.bots.values())
    assert {match.books.hot.wallet(user).reserved_e4 for user in bots} != {0}
    ann = replace(match.books.command(1, 7), delay_ms=DELAY_MS, now_ms=match.clock.calendar())
    match.executor.tell(Execute(ann, AsyncResult()))
    placed = pending(match)

    taken = Withdrawals(match.books.redis, match.books.keys, match.books.scripts).withdraw(
        bots, Refusal.BOTS_STOPPED, match.clock.calendar()
    )

    assert (taken, pending(match)) == (placed - 1, 1)
    assert {match.books.hot.wallet(user).reserved_e4 for user in bots} == {0}
    assert match.agree()
    left = match.books.rows(
        "SELECT DISTINCT user_id = ANY(%s), status, reject_code FROM orders", (list(bots),)
    )
    assert set(left) == {(True, "rejected", "BOTS_STOPPED"), (False, "pending", None)}
