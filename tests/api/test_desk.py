"""The desk when the executor does not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from redis.exceptions import ConnectionError as RedisAway
from touchline.actors.trading.messages import Execute, Executed, Unavailable
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.http.desk import LATE, LEFT_OUT, NO_PRICE, NO_TIME, Desk, Wanted

from tests.api.conftest import Api
from tests.fakes.addresses import RecordingAddress
from tests.fakes.clock import FakeClock
from tests.fakes.failing import Away

ORDER = Wanted(
    user=UserId(5),
    idx=InstrumentIdx(17),
    side=Side.BUY,
    qty=1_000,
    notional_e4=None,
    bound_px=None,
    client_order_id=None,
    idem_key="key",
    fingerprint="f",
)
AMOUNT = replace(ORDER, idem_key="amount", qty=None, notional_e4=1_000_000)


class SlowExecutor(RecordingAddress):
    """Answers every order but those under the key `never`."""

    __slots__ = ("_outcome", "before")

    def __init__(self, outcome: Executed) -> None:
        super().__init__("trade-executor")
        self._outcome = outcome
        self.before: Callable[[], object] = lambda: None

    def tell(self, message: Execute) -> bool:
        self.before()
        if message.command.idem_key != "never":
            message.reply.set(self._outcome)
        return super().tell(message)


def test_an_order_nobody_carries_out_in_time_is_withdrawn(api: Api) -> None:
    deaf = RecordingAddress("trade-executor")
    desk = Desk(api.deps.hot, deaf, api.clock.calendar, answer_s=0.02)

    answer = desk.place(ORDER)

    [message] = deaf.told
    assert isinstance(message, Execute)
    assert isinstance(answer, Unavailable)
    assert message.reply.get(block=False) is answer


def test_the_order_after_one_that_was_withdrawn_is_withdrawn_too(api: Api) -> None:
    refused = Executed(Refused(Refusal.INSUFFICIENT_SHARES), None)
    slow = SlowExecutor(refused)
    desk = Desk(api.deps.hot, slow, api.clock.calendar, answer_s=0.02)
    never = replace(ORDER, idem_key="never")

    answers = [desk.place(wanted) for wanted in (never, ORDER, never, never)]

    assert answers == [LATE, refused, LATE, LATE]


def test_all_orders_of_a_batch_share_one_wait_and_are_withdrawn_together(api: Api) -> None:
    deaf = RecordingAddress("trade-executor")
    desk = Desk(api.deps.hot, deaf, api.clock.calendar, answer_s=0.02)
    orders = [replace(ORDER, idem_key=f"key-{number}") for number in range(3)]

    answers = desk.place_all(orders)

    assert [message.command.idem_key for message in deaf.told] == ["key-0", "key-1", "key-2"]
    assert all(message.reply.get(block=False) is LATE for message in deaf.told)
    assert answers == [LATE] * 3


def test_what_was_answered_in_time_is_not_lost_by_what_was_not(api: Api) -> None:
    refused = Executed(Refused(Refusal.INSUFFICIENT_SHARES), None)
    slow = SlowExecutor(refused)
    desk = Desk(api.deps.hot, slow, api.clock.calendar, answer_s=0.02)

    answers = desk.place_all([ORDER, replace(ORDER, idem_key="never"), ORDER])

    assert answers == [refused, LATE, refused]


def test_no_order_is_sized_once_the_time_of_its_batch_is_over(api: Api) -> None:
    refused = Executed(Refused(Refusal.INSUFFICIENT_SHARES), None)
    slow = SlowExecutor(refused)
    clock = FakeClock()
    slow.before = lambda: clock.advance(6)
    desk = Desk(api.deps.hot, slow, api.clock.calendar, monotonic=clock.monotonic)

    answers = desk.place_all([ORDER, AMOUNT, ORDER])

    assert answers == [refused, NO_TIME, LEFT_OUT]


def test_a_store_that_is_away_for_the_price_leaves_what_was_done_before_answered(api: Api) -> None:
    refused = Executed(Refused(Refusal.INSUFFICIENT_SHARES), None)
    hot = Away(api.deps.hot, RedisAway("gone"))
    hot.away = True
    desk = Desk(hot, SlowExecutor(refused), api.clock.calendar)

    answers = desk.place_all([ORDER, AMOUNT, ORDER])

    assert answers == [refused, NO_PRICE, LEFT_OUT]
