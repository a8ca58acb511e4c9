"""The commands that the `trade-executor` runs: for each kind its script, its call and its reply.

Commands of all kinds go to Redis in one pipeline, in their order; see `Scripts.execute`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..domain.ids import TREASURY
from . import wire
from .commands import AcceptOrder, Command, Delayed, Filled, Outcome, TradeCommand
from .keys import Keys, State
from .lua import KERNEL, MARKET, TICKS, WALLETS, Call, LuaScript
from .order_calls import accept_call, accept_outcome, replayed
from .position_calls import (
    close_call,
    margin_call,
    open_call,
    script,
    stops_call,
    trigger_call,
)
from .position_commands import (
    CloseCommand,
    Happened,
    MarginCommand,
    OpenCommand,
    StopsCommand,
    TriggerCommand,
)
from .position_hashes import event_of

C = TypeVar("C", bound=Command | AcceptOrder)


@dataclass(frozen=True, slots=True)
class Kind(Generic[C]):
    """How commands of one type are run: *call* makes KEYS and ARGV, *outcome* reads the reply."""

    script: LuaScript
    call: Callable[[Keys, C], Call]
    outcome: Callable[[Any], Outcome | Delayed]


def kinds() -> Mapping[type[Command | AcceptOrder], Kind[Any]]:
    """Every kind, by the type of its commands."""
    trade = LuaScript("trade_execute", KERNEL, WALLETS, MARKET, TICKS)
    accept, close = LuaScript("order_accept", KERNEL, WALLETS), script("position_close")
    return {
        TradeCommand: Kind(trade, _trade_call, _trade_outcome),
        AcceptOrder: Kind(accept, accept_call, accept_outcome),
        OpenCommand: Kind(script("position_open"), open_call, _position_outcome),
        CloseCommand: Kind(close, close_call, _position_outcome),
        TriggerCommand: Kind(close, trigger_call, _position_outcome),
        StopsCommand: Kind(script("position_modify"), stops_call, _position_outcome),
        MarginCommand: Kind(script("position_margin"), margin_call, _position_outcome),
    }


def _trade_call(keys: Keys, command: TradeCommand) -> Call:
    if command.user == TREASURY:
        raise ValueError("the treasury cannot trade with itself")
    user, idx = command.user, command.idx
    names = [
        keys.inst(idx),
        keys.wallet(user),
        keys.wallet(TREASURY),
        keys.hold(user),
        keys.idem(user, command.idem_key),
        keys.ticks(idx),
        keys.trade_outbox,
        keys.pfseq(user),
        keys.dirty(State.INSTRUMENTS),
        keys.dirty(State.WALLETS),
        keys.dirty(State.HOLDINGS),
        keys.pushes(user),
    ]
    if command.waited:
        names.append(keys.order(command.trade_id))
    elif command.client_order_id:
        names.append(keys.coid(user, command.client_order_id))
    return names, [
        command.trade_id,
        str(user),
        str(idx),
        command.side.value,
        command.idem_key,
        command.fingerprint,
        command.client_order_id or "",
        str(command.qty),
        "" if command.bound_px is None else str(command.bound_px),
        str(command.now_ms),
        "1" if command.delay_ms else "0",
        str(command.reserved_e4),
        "" if command.notional_e4 is None else str(command.notional_e4),
        "1" if command.paused else "0",
    ]


def _trade_outcome(reply: Any) -> Outcome | Delayed:
    match reply:
        case ["ok", entry_id, fact]:
            entry = wire.entry_of(fact)
            return Filled(wire.fill_of(entry), entry_id, entry)
        case ["replayed", fact]:
            return replayed(fact)
        case ["delayed", reserved]:
            return Delayed(int(reserved))
        case _:
            return wire.refusal_of(reply)


def _position_outcome(reply: Any) -> Outcome | Delayed:
    match reply:
        case ["ok", entry_id, fact]:
            entry = wire.entry_of(fact)
            return Happened(event_of(entry), entry_id, entry)
        case ["replayed", fact]:
            return replayed(fact)
        case ["delayed", reserved]:
            return Delayed(int(reserved))
        case _:
            return wire.refusal_of(reply)
