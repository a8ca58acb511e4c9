"""Texts on Redis as typed values: script replies, facts, and what the channels carry."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..domain.halts import Halt, Phase
from ..domain.ids import InstrumentIdx, UserId
from ..domain.positions import CloseReason
from ..domain.pushes import (
    FillPush,
    MarginCallPush,
    OrderPush,
    PortfolioEvent,
    PositionPush,
    Push,
    ReplayedClose,
    ReplayPush,
    WalletPush,
)
from ..domain.refusals import Refusal, Refused
from ..domain.ticks import PriceTick, Tick
from ..domain.trading import Fill, Side
from .order_wire import order_of
from .position_hashes import event_of, position_of

__all__ = [
    "PortfolioEvent",
    "PriceTick",
    "decode_portfolio",
    "decode_price",
    "entry_of",
    "fill_of",
    "grant_fingerprint",
    "idem_hash",
    "refusal_of",
    "tick_of",
]


class _Price(msgspec.Struct):
    """Payload of ``price:{idx}``, as lua/kernel.lua writes it."""

    i: int
    s: int
    id: str
    t: int
    b: int
    a: int
    m: int
    mid: int
    w: str
    h: int
    p: Phase


class _Fact(msgspec.Struct):
    """``d`` of what a script tells of."""

    fact: list[str]
    sym: str = ""


class _ReplayedClose(msgspec.Struct):
    position_id: str
    reason: CloseReason
    tick_time: int
    price: int
    pnl: int


class _Replay(msgspec.Struct, rename={"since": "from"}):
    """``d`` of what was found when a user's positions were checked; times in calendar ms."""

    since: int | None
    to: int
    closed: list[_ReplayedClose]
    checked_ticks: int


class _Push(msgspec.Struct):
    """Payload of ``portfolio:{uid}``, as lua/kernel.lua writes it."""

    s: int
    e: str
    d: msgspec.Raw


_price_decoder = msgspec.json.Decoder(_Price)
_push_decoder = msgspec.json.Decoder(_Push)
_pushed_fact_decoder = msgspec.json.Decoder(_Fact)
_replay_decoder = msgspec.json.Decoder(_Replay)
_fact_decoder = msgspec.json.Decoder(list[str])


def decode_price(payload: str | bytes) -> PriceTick:
    """The tick in a message of ``price:{idx}``.

    Raises:
        msgspec.DecodeError: not a message of ours.
    """
    price = _price_decoder.decode(payload)
    return PriceTick(
        idx=InstrumentIdx(price.i),
        seq=price.s,
        id=price.id,
        at_ms=price.t,
        bid_px=price.b,
        ask_px=price.a,
        mark_px=price.m,
        mid_px=price.mid,
        why=price.w,
        halt=Halt(price.h),
        phase=price.p,
    )


def decode_portfolio(payload: str | bytes) -> PortfolioEvent | None:
    """The event in a message of ``portfolio:{uid}``; None if it is of a kind not known here.

    Raises:
        msgspec.DecodeError: not a message of ours.
    """
    message = _push_decoder.decode(payload)
    if message.e == "replay":
        return PortfolioEvent(message.s, _replay_push(_replay_decoder.decode(message.d)))
    read = _PUSHES.get(message.e)
    if read is None:
        # A newer replica may push what this one does not know yet.
        return None
    told = _pushed_fact_decoder.decode(message.d)
    return PortfolioEvent(message.s, read(_pairs(told.fact), told.sym))


def entry_of(fact: str) -> dict[str, str]:
    """Fields of the fact that a script spells so: in a stream, its reply, a replay."""
    return _pairs(_fact_decoder.decode(fact))


def fill_of(entry: Mapping[str, str]) -> Fill:
    """The trade in an entry of kind ``trade``."""
    return Fill(
        trade_id=entry["id"],
        user=UserId(int(entry["uid"])),
        idx=InstrumentIdx(int(entry["idx"])),
        side=Side(entry["side"]),
        qty=int(entry["qty"]),
        px=int(entry["px"]),
        value_e4=int(entry["val"]),
        fee_e4=int(entry["fee"]),
        realized_e4=int(entry["rpnl"]),
        seq=int(entry["seq"]),
        tick_id=entry["tick"],
        at_ms=int(entry["at"]),
        cash_after_e4=int(entry["cash"]),
        qty_after=int(entry["hqty"]),
        cost_after_e4=int(entry["hcost"]),
        client_order_id=entry["coid"] or None,
    )


def tick_of(entry_id: str, fields: Mapping[str, str]) -> Tick:
    """One entry of ``ticks:{idx}``."""
    return Tick(
        id=entry_id,
        seq=int(fields["s"]),
        index_px=int(fields["f"]),
        inventory=int(fields["q"]),
        bid_px=int(fields["b"]),
        ask_px=int(fields["a"]),
        mark_px=int(fields["m"]),
        mid_px=int(fields["mid"]),
        why=fields["w"],
        halt=Halt(int(fields["h"])),
    )


def refusal_of(reply: Sequence[str]) -> Refused:
    """A script's ``{"refused", code, name, value, ...}``."""
    details = {
        name: value if name in ("phase", "reason", "field") else int(value)
        for name, value in _pairs(reply[2:]).items()
    }
    return Refused(Refusal(reply[1]), details)


def grant_fingerprint(kind: str, amount_e4: int) -> str:
    """What must be the same when a grant is asked for again under its key."""
    return f"{kind}:{amount_e4}"


def idem_hash(fingerprint: str, entry: Mapping[str, str]) -> dict[str, str]:
    """Fields of ``idem:{uid}:{key}`` for a command that wrote *entry*."""
    fact = [text for pair in entry.items() for text in pair]
    return {"fp": fingerprint, "res": msgspec.json.encode(fact).decode()}


def _fill_push(entry: Mapping[str, str], symbol: str) -> FillPush:
    return FillPush(fill_of(entry), symbol)


def _wallet_push(entry: Mapping[str, str], _: str) -> WalletPush:
    return WalletPush(entry["kind"], int(entry["amount"]), int(entry["cash"]), int(entry["locked"]))


def _position_push(entry: Mapping[str, str], symbol: str) -> PositionPush:
    return PositionPush(event_of(entry), symbol)


def _margin_call_push(entry: Mapping[str, str], symbol: str) -> MarginCallPush:
    return MarginCallPush(position_of(entry), symbol)


#: How the fact of a push is read, by the name of its event.
def _order_push(entry: Mapping[str, str], symbol: str) -> Push:
    return OrderPush(order_of(entry), symbol)


_PUSHES: Mapping[str, Callable[[Mapping[str, str], str], Push]] = {
    "fill": _fill_push,
    "wallet": _wallet_push,
    "order_pending": _order_push,
    "order_rejected": _order_push,
    "position_opened": _position_push,
    "position_updated": _position_push,
    "position_closed": _position_push,
    "margin_call": _margin_call_push,
}


def _replay_push(replay: _Replay) -> ReplayPush:
    closed = (
        ReplayedClose(each.position_id, each.reason, each.tick_time, each.price, each.pnl)
        for each in replay.closed
    )
    return ReplayPush(replay.since, replay.to, tuple(closed), replay.checked_ticks)


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    one_by_one = iter(flat)
    return dict(zip(one_by_one, one_by_one, strict=True))
