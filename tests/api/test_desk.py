"""The desk when the executor does not answer."""

from __future__ import annotations

from touchline.actors.trading.messages import ExecuteTrade, Unavailable
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.trading import Side
from touchline.http.desk import Desk, Wanted

from tests.api.conftest import Api
from tests.fakes.addresses import RecordingAddress

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


def test_an_order_nobody_carries_out_in_time_is_withdrawn(api: Api) -> None:
    deaf = RecordingAddress("trade-executor")
    desk = Desk(api.deps.hot, deaf, api.clock.calendar, answer_s=0.02)

    answer = desk.place(ORDER)

    [message] = deaf.told
    assert isinstance(message, ExecuteTrade)
    assert isinstance(answer, Unavailable)
    assert message.reply.get(block=False) is answer
