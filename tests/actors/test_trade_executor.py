"""The executor: waiting orders share a round trip, and every one of them is answered once."""

import pytest
from gevent.event import AsyncResult
from redis.exceptions import ConnectionError as RedisAway
from touchline.actors.trading.executor import BATCH, GATHER_S, TradeExecutor
from touchline.actors.trading.messages import (
    BatchDue,
    Execute,
    Executed,
    Unavailable,
    WriteFact,
)
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.commands import Accepted, AcceptOrder, Delayed, Filled, Replayed, TradeCommand

from tests.fakes.addresses import RecordingAddress
from tests.fakes.clock import FakeClock


class CannedScripts:
    """Answers orders by *outcome*, and remembers which came together."""

    def __init__(self, outcome):
        self.batches = []
        self.outcome = outcome

    def execute(self, commands):
        self.batches.append(list(map(id_of, commands)))
        return [self.outcome(command) for command in commands]


def id_of(command):
    return command.order.order_id if isinstance(command, AcceptOrder) else command.trade_id


def order(number):
    command = TradeCommand(
        f"t{number}", 1, 7, Side.BUY, 1000, None, f"key-{number}", "print", None, 0
    )
    return Execute(command, AsyncResult())


def filled(command):
    return Filled(command, f"{command.trade_id}-0", {"id": command.trade_id})


def refused(command):
    return Refused(Refusal.INSUFFICIENT_FUNDS)


@pytest.fixture
def writer():
    return RecordingAddress("trade-writer")


def executor_with(scripts, writer, clock=None):
    executor = TradeExecutor(scripts, writer, monotonic=(clock or FakeClock()).monotonic)
    executor.started()
    return executor


def test_orders_that_wait_run_as_one_pipeline_in_their_order(writer):
    scripts = CannedScripts(filled)
    executor = executor_with(scripts, writer)

    for number in range(3):
        executor.receive(order(number))
    executor.receive(BatchDue())

    assert scripts.batches == [["t0", "t1", "t2"]]
    assert [message.made.entry["id"] for message in writer.told] == ["t0", "t1", "t2"]


def test_an_order_alone_waits_for_nobody(writer):
    executor = executor_with(CannedScripts(filled), writer)

    executor.receive(order(1))

    assert executor.actor_inbox.queued() == (BatchDue(),)


def test_in_a_stream_orders_wait_for_each_other_a_little(writer):
    clock, scripts = FakeClock(), CannedScripts(filled)
    executor = executor_with(scripts, writer, clock)
    executor.receive(order(0))
    executor.receive(BatchDue())
    told = executor.actor_inbox.queued()

    clock.advance(GATHER_S / 3)
    executor.receive(order(1))
    executor.receive(order(2))

    assert executor.actor_inbox.queued() == told
    (timer,) = executor.timers
    assert (timer.message, timer.seconds) == (BatchDue(), pytest.approx(GATHER_S * 2 / 3))
    executor.receive(BatchDue())
    assert scripts.batches == [["t0"], ["t1", "t2"]]


def test_orders_that_wait_for_others_when_the_executor_is_stopped_are_carried_out(writer):
    scripts = CannedScripts(filled)
    executor = executor_with(scripts, writer)
    executor.receive(order(0))
    executor.receive(BatchDue())
    executor.receive(order(1))

    executor.stopped()

    assert scripts.batches == [["t0"], ["t1"]]


def test_an_order_after_a_pause_waits_for_nobody(writer):
    clock = FakeClock()
    executor = executor_with(CannedScripts(filled), writer, clock)
    executor.receive(order(0))
    executor.receive(BatchDue())
    told = executor.actor_inbox.queued()

    clock.advance(GATHER_S)
    executor.receive(order(1))

    assert executor.actor_inbox.queued() == (*told, BatchDue())
    assert not executor.timers


def test_in_a_stream_a_full_batch_runs_at_once(writer):
    scripts = CannedScripts(filled)
    executor = executor_with(scripts, writer)
    executor.receive(order(0))
    executor.receive(BatchDue())

    for number in range(BATCH):
        executor.receive(order(number))

    assert [len(batch) for batch in scripts.batches] == [1, BATCH]


def test_a_full_batch_runs_at_once_and_later_notices_find_nothing_to_do(writer):
    scripts = CannedScripts(filled)
    executor = executor_with(scripts, writer)

    for number in range(BATCH):
        executor.receive(order(number))
    executor.receive(BatchDue())

    assert [len(batch) for batch in scripts.batches] == [BATCH]


def test_a_fill_is_answered_by_the_writer_only(writer):
    executor = executor_with(CannedScripts(filled), writer)
    request = order(1)

    executor.receive(request)
    executor.receive(BatchDue())

    assert writer.told == [WriteFact(filled(request.command), request.reply)]
    assert not request.reply.ready()


@pytest.mark.parametrize("outcome", [refused, Replayed], ids=["refused", "replayed"])
def test_what_made_no_trade_is_answered_at_once(writer, outcome):
    executor = executor_with(CannedScripts(outcome), writer)
    request = order(1)

    executor.receive(request)
    executor.receive(BatchDue())

    assert request.reply.get(block=False) == Executed(outcome(request.command), None)
    assert writer.told == []


@pytest.mark.parametrize("failure", [RedisAway("gone"), ValueError("a bug")], ids=repr)
def test_a_failure_tells_everybody_that_the_outcome_is_unknown_and_is_not_hidden(writer, failure):
    def fail(command):
        raise failure

    executor = executor_with(CannedScripts(fail), writer)
    requests = [order(number) for number in range(3)]
    for request in requests:
        executor.receive(request)

    with pytest.raises(type(failure)):
        executor.receive(BatchDue())

    assert all(isinstance(request.reply.get(block=False), Unavailable) for request in requests)


def test_an_order_whose_owner_gave_up_is_not_executed(writer):
    scripts = CannedScripts(filled)
    executor = executor_with(scripts, writer)
    given_up, patient = order(1), order(2)
    executor.receive(given_up)
    executor.receive(patient)

    given_up.reply.set(Unavailable("no answer in time"))
    executor.receive(BatchDue())

    assert scripts.batches == [["t2"]]


def test_what_has_to_wait_is_filed_in_one_more_pipeline_and_made_durable(writer):
    def in_play(command):
        if isinstance(command, AcceptOrder):
            return Accepted(command.order, "1-0", {"id": command.order.order_id})
        number = int(command.trade_id[1:])
        return Delayed(500 + number) if number != 1 else refused(command)

    scripts = CannedScripts(in_play)
    executor = executor_with(scripts, writer)
    requests = [order(number) for number in range(3)]

    for request in requests:
        executor.receive(request)
    executor.receive(BatchDue())

    assert scripts.batches == [["t0", "t1", "t2"], ["t0", "t2"]]
    assert [message.made.entry["id"] for message in writer.told] == ["t0", "t2"]
    assert [message.made.order.reserved_e4 for message in writer.told] == [500, 502]
    assert requests[1].reply.get(block=False) == Executed(refused(None), None)


def test_an_answer_that_is_known_does_not_depend_on_filing_the_others(writer):
    def away_for_orders(command):
        if isinstance(command, AcceptOrder):
            raise RedisAway("gone")
        return Delayed() if command.trade_id == "t0" else filled(command)

    executor = executor_with(CannedScripts(away_for_orders), writer)
    requests = [order(0), order(1)]
    for request in requests:
        executor.receive(request)

    with pytest.raises(RedisAway):
        executor.receive(BatchDue())

    assert isinstance(requests[0].reply.get(block=False), Unavailable)
    assert [message.made.entry["id"] for message in writer.told] == ["t1"]
