"""A Redis that is full to the last byte: nothing new begins, everything else goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.clock import Moment
from touchline.domain.halts import Phase
from touchline.domain.opening import OpenOrder
from touchline.domain.orders import OrderStatus
from touchline.domain.positions import Direction
from touchline.domain.pushes import ReplayPush
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store.commands import Accepted, Filled, Indexed, Replayed, Settled
from touchline.store.fleet import Fleet, Identity
from touchline.store.lease import Lease
from touchline.store.outage import OUTAGES
from touchline.store.position_calls import WATCHER_LEASE
from touchline.store.position_commands import FollowCommand, Happened, OpenCommand, PositionKey
from touchline.store.postgres import Postgres
from touchline.store.presence import Replica, Whereabouts
from touchline.store.reconcile import reconcile
from touchline.store.reconnects import Reconnects, Reminders, Taken
from touchline.store.watch import Passed, Watch

from tests.fakes.bookkeeping import Books
from tests.fakes.clock import FakeClock
from tests.fakes.exchange import ANN, ARS, EVE, LEASE, OWNER, Exchange
from tests.fakes.full import full
from tests.fakes.waiting import DELAY_MS, Waiting

pytestmark = pytest.mark.external

PAUSED = Refused(Refusal.NEW_TRADES_PAUSED)


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Iterator[Exchange]:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    exchange.order(Side.BUY, 10_000)
    yield exchange
    exchange.prove()


@pytest.fixture
def playing(redis: redis_module.Redis) -> Iterator[Waiting]:
    playing = Waiting(redis)
    yield playing
    playing.prove()


@pytest.mark.parametrize(
    "begin",
    [
        lambda exchange: exchange.order(Side.BUY, 1_000),
        lambda exchange: exchange.open(Direction.LONG, 1_000),
        lambda exchange: exchange.open(Direction.SHORT, 1_000),
    ],
    ids=["purchase", "long", "short"],
)
def test_what_begins_something_new_is_refused_and_changes_nothing(
    exchange: Exchange, begin: Callable[[Exchange], Any]
) -> None:
    before = exchange.dump()

    with full(exchange.client):
        outcome = begin(exchange)

    assert outcome == PAUSED
    assert exchange.dump() == before


def test_in_play_nothing_new_is_filed_to_wait(playing: Waiting) -> None:
    before = playing.dump()

    with full(playing.client):
        bought = playing.place(Side.BUY, 1_000)

    assert bought == PAUSED
    assert playing.dump() == before


def test_a_refused_purchase_holds_up_nothing_that_is_sent_with_it(exchange: Exchange) -> None:
    commands = [exchange.command(side, 1_000) for side in (Side.SELL, Side.BUY, Side.SELL)]

    with full(exchange.client):
        first, second, third = exchange.scripts.execute(commands)

    assert isinstance(first, Filled)
    assert isinstance(third, Filled)
    assert second == PAUSED


def test_a_purchase_that_had_been_made_is_replayed_and_not_refused(exchange: Exchange) -> None:
    command = exchange.command(Side.BUY, 1_000)
    exchange.run(command)

    with full(exchange.client):
        again = exchange.run(replace(command, paused=True))

    assert isinstance(again, Replayed)


def test_while_new_trades_pause_a_refusal_leaves_the_key_for_the_same_order(
    exchange: Exchange,
) -> None:
    command = exchange.command(Side.BUY, 1_000, client_order_id="mine")
    before = exchange.dump()

    refused = exchange.run(replace(command, paused=True))
    unchanged = exchange.dump() == before
    later = exchange.run(command)

    assert (refused, unchanged) == (PAUSED, True)
    assert isinstance(later, Filled)


def test_while_new_trades_pause_shares_are_sold_and_no_position_is_opened(
    exchange: Exchange,
) -> None:
    sold = exchange.order(Side.SELL, 1_000, paused=True)
    opened = exchange.open(Direction.LONG, 1_000, paused=True)

    assert isinstance(sold, Filled)
    assert opened == PAUSED


def test_positions_are_closed_changed_and_secured_and_all_of_it_reaches_postgres(
    redis: redis_module.Redis, pg: Postgres
) -> None:
    books = Books(redis, pg)
    positions = [books.open(), books.open(side="short")]

    with full(redis):
        secured = [books.remargin(position, 100_000) for position in positions]
        stopped = books.restop(secured[0], secured[0].liquidation_px)
        left = books.close(stopped, 400)
        key = PositionKey(left.id, left.user, left.idx)
        follow = FollowCommand(
            key, left.version, left.checked_tick_id, left.checked_seq, None, False
        )
        [followed] = books.scripts.position_follow([follow])
        ended = [books.close(left), books.close(secured[1])]
        drained = books.drain().everything().complete

    assert followed == left.version + 1
    assert [position.qty for position in ended] == [0, 0]
    assert drained
    assert books.differences() == []
    assert reconcile(redis, books.keys, pg).ok


def test_what_waits_is_carried_out_and_sales_may_still_begin_to_wait(playing: Waiting) -> None:
    bought = playing.pending(Side.BUY, 3_000)
    order = OpenOrder(
        position_id="p-1", user=ANN, idx=ARS, side=Direction.LONG, qty=1_000, leverage=5
    )
    filed = playing.send(OpenCommand(order, "k", "fp", None, 2_000, delay_ms=DELAY_MS))
    playing.order(Side.BUY, 2_000)
    assert isinstance(filed, Accepted)

    with full(playing.client):
        sold = playing.place(Side.SELL, 1_000)
        released = playing.release()

    assert isinstance(sold, Accepted)
    assert (released.filled, released.rejected) == (3, 0)
    assert playing.record(bought).status is OrderStatus.FILLED
    assert len(playing.positions()) == 1


def test_prices_move_results_are_settled_and_stops_are_watched(exchange: Exchange) -> None:
    keys, client, scripts = exchange.keys, exchange.client, exchange.scripts
    watcher = Lease(client, keys.lease(WATCHER_LEASE), monotonic=FakeClock().monotonic)
    change = IndexChange(idx=ARS, now_ms=3_000, offset_bps=100, phase=Phase.FINISHED)

    with full(client):
        moved = scripts.index_apply(change, LEASE, OWNER)
        watched = watcher.renew()
        passed = Watch(client, keys).look({ARS: None}, watcher.owner, watcher.token)[ARS]
        settled = scripts.fixture_settle(1, ARS, EVE, LEASE, OWNER)
        exchange.hot.set_feed_health({"state": "ok"})

    assert isinstance(moved, Indexed)
    assert isinstance(settled, Settled)
    assert watched
    assert isinstance(passed, Passed)
    assert exchange.hot.feed_health() == {"state": "ok"}


def test_leases_are_taken_renewed_and_given_back(redis: redis_module.Redis) -> None:
    first, second = (Lease(redis, "lease:any", monotonic=FakeClock().monotonic) for _ in "12")

    with full(redis):
        held = [first.renew(), first.renew(), second.renew()]
        first.release()
        held.append(second.renew())

    assert held == [True, True, False, True]
    assert 0 < first.token < second.token


def test_replicas_are_heard_and_users_come_and_go(exchange: Exchange) -> None:
    who = Identity("api-server", "r-1", "1", ("api-server",))
    fleet = Fleet(exchange.client, exchange.keys, who, ())
    replica = Replica(exchange.client, exchange.keys, "r-1", time.monotonic)

    with full(exchange.client):
        roll, _ = fleet.beat("ready", "{}")
        replica.beat(1_000)
        came = replica.tell([Whereabouts(ANN, None, here=True)], 1_000)
        went = replica.tell([Whereabouts(ANN, Moment(2_000, time.monotonic()), here=False)], 2_000)

    assert [member.who for member in roll.members] == [who]
    assert came
    assert went
    assert exchange.client.get(exchange.keys.last_seen(ANN)) == "2000"


def test_a_user_who_was_away_is_told_what_happened_meanwhile(exchange: Exchange) -> None:
    client, keys = exchange.client, exchange.keys
    reconnects, reminders = Reconnects(client, keys, "me"), Reminders(client, keys)
    replica = Replica(client, keys, "r-1", time.monotonic)
    exchange.open(Direction.LONG, 1_000)

    with full(client):
        replica.beat(1_000)
        replica.tell([Whereabouts(ANN, None, here=True)], 1_000)
        taken = reconnects.take(ANN)
        told = isinstance(taken, Taken) and reconnects.tell(taken, ReplayPush(1, 2, (), 3))
        reminded = reminders.remind(ANN, int(client.get(keys.pfseq(ANN)) or 0))

    assert told
    assert reminded is not None
    assert reminded[-1].push == ReplayPush(1, 2, (), 3)


def test_money_from_the_house_waits_until_there_is_room(exchange: Exchange) -> None:
    before = exchange.dump()

    with full(exchange.client), pytest.raises(OUTAGES):
        exchange.fund(ANN)

    assert exchange.dump() == before


def test_an_event_of_a_position_is_made_whole_or_not_at_all(exchange: Exchange) -> None:
    opened = exchange.open(Direction.LONG, 1_000)
    assert isinstance(opened, Happened)

    with full(exchange.client):
        again = exchange.open(Direction.LONG, 1_000)

    assert again == PAUSED
    assert len(exchange.positions()) == 1
