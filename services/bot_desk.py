"""The way of a bot's order: over the desks that people's requests go over, within their quotas.

A bot's decision is written as the body that a person would send, read by the routes' own readers
and placed at the same desks. So every check of form, every limit, the delay in play and the pause
while Redis is too full hold for bots because they are the same lines of code.

Source: docs/market.md, "Bots".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, assert_never

import gevent
import msgspec

from ..actors.address import Address
from ..actors.meters import TradeMeter
from ..actors.trading.messages import Execute
from ..domain.bot_views import Closing, Decision, Opening, Shares
from ..domain.clock import Calendar
from ..domain.money import format_qty
from ..http.desk import Answer, Desk, result_of
from ..http.listing import Listing
from ..http.operations import Limit
from ..http.order_form import OrderBody
from ..http.order_form import read as read_order
from ..http.position_desk import Checker, PositionDesk
from ..http.position_form import CloseBody, OpenBody, read_close, read_open
from ..http.quotas import Quotas
from ..http.validate import parsed
from ..store.hot import Hot
from ..store.position_commands import PositionKey

T = TypeVar("T")

LIMITED = ("refused", "RATE_LIMITED")  #: as a request beyond a quota is answered


class BotDesk:
    """Places what bots decide.

    Args:
        delay_ms: how long orders wait in play, calendar ms.
        paused: whether new trades pause.
    """

    def __init__(
        self,
        hot: Hot,
        executor: Address[Execute],
        scanner: Checker,
        calendar: Calendar,
        quotas: Quotas,
        *,
        delay_ms: int,
        paused: Callable[[], bool],
        meter: TradeMeter,
    ) -> None:
        self._desk = Desk(hot, executor, calendar, delay_ms=delay_ms, paused=paused, meter=meter)
        self._positions = PositionDesk(executor, scanner, meter=meter)
        self._listing = Listing(hot)
        self._calendar = calendar
        self._quotas = quotas
        self._delay_ms = delay_ms
        self._paused = paused

    def place(self, wanted: Sequence[Decision]) -> list[tuple[str, str]]:
        """Have *wanted* carried out; of each what it came to, and the code where refused.

        All at once, as requests come, so that together they take no longer than one may.
        """
        placing = [gevent.spawn(self._place, each) for each in wanted]
        gevent.joinall(placing)
        return [each.get() for each in placing]

    def _place(self, decision: Decision) -> tuple[str, str]:
        _, taken = self._quotas.take(Limit.ORDERS, decision.user, "")
        if not taken.allowed:
            return LIMITED
        return result_of(self._answer(decision))

    def _answer(self, decision: Decision) -> Answer:
        user, key, deal = decision.user, decision.key, decision.deal
        now_ms, delay_ms = self._calendar(), self._delay_ms
        match deal:
            case Shares():
                order = _read(OrderBody, order_body(decision, deal))
                return self._desk.place(read_order(user, key, order, self._listing))
            case Opening():
                opening = _read(OpenBody, open_body(decision, deal))
                wish = read_open(user, key, opening, self._listing, now_ms)
                wish = replace(wish, delay_ms=delay_ms, paused=self._paused())
                return self._positions.carry_out(wish)
            case Closing():
                where = PositionKey(deal.position_id, user, decision.idx)
                closing = read_close(where, key, _read(CloseBody, {}), now_ms)
                return self._positions.carry_out(replace(closing, delay_ms=delay_ms))
            case _:
                assert_never(deal)


def order_body(decision: Decision, deal: Shares) -> Mapping[str, Any]:
    """What a person would send to `POST /v1/orders`."""
    return {
        "instrument": decision.idx,
        "side": deal.side.value,
        "quantity": format_qty(deal.qty),
    }


def open_body(decision: Decision, deal: Opening) -> Mapping[str, Any]:
    """What a person would send to `POST /v1/positions`."""
    said = {
        "instrument": decision.idx,
        "side": deal.side.value,
        "quantity": format_qty(deal.qty),
        "leverage": deal.leverage,
    }
    if deal.stop_px is None:
        return said
    return said | {"stop_loss": {"price": _entered(deal.stop_px)}}


def _read(shape: type[T], body: Mapping[str, Any]) -> T:
    return parsed(msgspec.json.encode(body), shape)


def _entered(px: int) -> str:
    """A price as people enter it, with 2 decimals."""
    return f"{px // 10_000}.{px % 10_000 // 100:02d}"
