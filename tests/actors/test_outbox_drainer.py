"""The drainer: what the synchronous write left behind reaches the ledger all the same."""

import pytest
from touchline.actors.flush.messages import DrainDue
from touchline.actors.flush.outbox_drainer import OutboxDrainer
from touchline.actors.meters import FlushMeter
from touchline.store.fact_drain import FactRun
from touchline.store.keys import OutboxName
from touchline.store.parked import Retried

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import add_users


class ScriptedDrain:
    """Has a backlog for as many runs as it is told."""

    name = OutboxName.TRADES

    def __init__(self, *runs):
        self._runs = list(runs)

    def waiting(self):
        return 0

    def oldest_s(self):
        return 0.0

    def parked(self):
        return 0

    def facts(self):
        return self._runs.pop(0)

    def retry_parked(self):
        return Retried(0, 0)


@pytest.fixture
def books(redis, pg):
    return Books(redis, pg)


def test_it_drains_when_it_starts_and_every_five_seconds(books):
    drainer = OutboxDrainer(books.drain().outboxes[OutboxName.TRADES])

    drainer.started()

    assert drainer.actor_inbox.queued() == (DrainDue(),)
    assert [(timer.seconds, timer.message) for timer in drainer.timers] == [(5.0, DrainDue())]


def test_left_over_facts_reach_the_ledger(books):
    trades = books.some_trades()
    drainer = OutboxDrainer(books.drain().outboxes[OutboxName.TRADES])

    drainer.receive(DrainDue())

    assert books.rows("SELECT count(*) FROM trades") == [(len(trades),)]
    assert books.rows("SELECT count(*) FROM wallet_ledger") == [(3,)]
    assert drainer.detail() == {"moved": len(trades) + 3, "refused": 0, "ailing": ""}


def test_a_parked_fact_is_tried_again_when_it_is_due(books):
    books.grant(9)  # whom Postgres does not know
    drainer = OutboxDrainer(books.drain().outboxes[OutboxName.TRADES])
    drainer.receive(DrainDue())
    books.rows("UPDATE trade_outbox SET next_retry_at = now()")

    drainer.receive(DrainDue())
    assert drainer.detail()["refused"] == 1
    assert drainer.detail()["ailing"] == "facts that Postgres refuses: 1"

    add_users(books.pg, 9)
    books.rows("UPDATE trade_outbox SET next_retry_at = now()")
    drainer.receive(DrainDue())
    assert books.rows("SELECT count(*) FROM wallet_ledger WHERE user_id = 9") == [(1,)]
    assert books.rows("SELECT count(*) FROM trade_outbox") == [(0,)]


def test_a_long_backlog_is_worked_off_without_waiting_for_the_timer():
    drainer = OutboxDrainer(ScriptedDrain(FactRun(10_000, False, more=True), FactRun(3, True)))

    drainer.receive(DrainDue())
    assert drainer.actor_inbox.queued() == (DrainDue(),)

    drainer.receive(DrainDue())
    assert drainer.actor_inbox.queued() == (DrainDue(),)
    assert drainer.detail()["moved"] == 10_003


def test_events_of_positions_are_drained_with_the_facts_before_them(books):
    books.some_positions()
    meter = FlushMeter()
    drainer = OutboxDrainer(books.drain().outboxes[OutboxName.POSITIONS], meter)

    drainer.receive(DrainDue())

    assert books.rows("SELECT count(*) FROM cfd_events") == [(12,)]
    assert books.rows("SELECT count(*) FROM wallet_ledger") == [(3,)]
    assert drainer.detail()["moved"] == 15
    assert meter.outboxes[OutboxName.POSITIONS].entries.get() == 12
    assert meter.outboxes[OutboxName.TRADES].entries.get() is None
