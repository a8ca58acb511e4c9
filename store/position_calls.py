"""The scripts of CFD positions: for each command its KEYS and ARGV, and how a reply is read."""

from __future__ import annotations

from typing import Any

from ..domain.ids import TREASURY, InstrumentIdx, UserId
from ..domain.position_events import By
from ..domain.positions import Position
from ..domain.refusals import Refused
from . import wire
from .keys import Keys, OutboxName, State
from .lua import BREACHES, EVENTS, KERNEL, MARKET, POSITIONS, TICKS, WALLETS, Call, LuaScript
from .position_commands import (
    CloseCommand,
    FollowCommand,
    Keep,
    MarginCommand,
    OpenCommand,
    PositionKey,
    StopsCommand,
    TriggerCommand,
)
from .position_hashes import position_hash

WATCHER_LEASE = "stop-watcher"


def script(name: str) -> LuaScript:
    """The script *name* with all that position scripts stand on."""
    return LuaScript(name, KERNEL, WALLETS, MARKET, TICKS, POSITIONS, BREACHES, EVENTS)


def position_keys(keys: Keys, position: str, user: UserId, idx: InstrumentIdx) -> list[str]:
    """KEYS 1 to 20 of lua/positions.lua.

    Raises:
        ValueError: the treasury has no positions.
    """
    if user == TREASURY:
        raise ValueError("the treasury cannot trade with itself")
    return [
        keys.inst(idx),
        keys.wallet(user),
        keys.wallet(TREASURY),
        keys.hold(user),
        keys.pos(position),
        keys.ticks(idx),
        keys.outbox(OutboxName.POSITIONS),
        keys.pfseq(user),
        keys.dirty(State.INSTRUMENTS),
        keys.dirty(State.WALLETS),
        keys.dirty(State.POSITIONS),
        keys.open_by_user(user),
        keys.open_by_club(idx),
        *keys.trig(idx),
        keys.pushes(user),
    ]


def open_call(keys: Keys, command: OpenCommand) -> Call:
    """The call of ``position_open.lua``."""
    order = command.order
    user, idx, stops = order.user, order.idx, order.stops
    names = position_keys(keys, order.position_id, user, idx)
    names.append(keys.idem(user, command.idem_key))
    if command.waited:
        names.append(keys.order(order.position_id))
    elif command.client_order_id:
        names.append(keys.coid(user, command.client_order_id))
    return names, [
        order.position_id,
        str(user),
        str(idx),
        order.side.value,
        command.idem_key,
        command.fingerprint,
        command.client_order_id or "",
        str(order.qty),
        _text(order.bound_px),
        str(command.now_ms),
        str(order.leverage),
        _text(stops.stop_loss_px),
        _text(stops.take_profit_px),
        _text(stops.trail_px),
        "1" if command.delay_ms else "0",
        str(command.reserved_e4),
        "1" if command.paused else "0",
    ]


def close_call(keys: Keys, command: CloseCommand) -> Call:
    """The call of ``position_close.lua`` for the owner or an admin."""
    where = command.position
    names = [*_watched(keys, where), keys.idem(where.user, command.idem_key)]
    if command.waited:
        names.append(keys.order(command.event_id))
    return names, [
        command.event_id,
        str(where.user),
        str(command.now_ms),
        command.by.value,
        command.idem_key,
        command.fingerprint,
        _text(command.qty),
        _text(command.bound_px),
        _text(command.version),
        "1" if command.delay_ms else "0",
    ]


def trigger_call(keys: Keys, command: TriggerCommand) -> Call:
    """The call of ``position_close.lua`` for a tick."""
    where = command.position
    names = [*_watched(keys, where), keys.lease(WATCHER_LEASE)]
    if command.by is By.RECONNECT_LISTENER:
        names.append(keys.replayed(where.user))
    return names, [
        command.event_id,
        str(where.user),
        str(command.now_ms),
        command.by.value,
        "",
        command.tick_id,
        str(int(command.approximate)),
        command.lease_owner or "",
    ]


def stops_call(keys: Keys, command: StopsCommand) -> Call:
    """The call of ``position_modify.lua``."""
    where = command.position
    return _watched(keys, where), [
        command.event_id,
        str(where.user),
        str(command.now_ms),
        str(command.version),
        _text(command.stop_loss_px),
        _text(command.take_profit_px),
        _text(command.trail_px),
    ]


def margin_call(keys: Keys, command: MarginCommand) -> Call:
    """The call of ``position_margin.lua``."""
    where = command.position
    names = [*_watched(keys, where), keys.idem(where.user, command.idem_key)]
    return names, [
        command.event_id,
        str(where.user),
        str(command.now_ms),
        str(command.amount_e4),
        command.idem_key,
        command.fingerprint,
    ]


def follow_call(keys: Keys, command: FollowCommand) -> Call:
    """The call of ``position_follow.lua``."""
    where = command.position
    return position_keys(keys, where.id, where.user, where.idx), [
        str(command.version),
        command.tick_id,
        str(command.seq),
        command.follow_tick_id or "",
        str(int(command.warned)),
    ]


def restore_call(keys: Keys, position: Position, found: str) -> Call:
    """The call of ``position_restore.lua``; *found* is the version it was found at, or 0."""
    fields = position_hash(position)
    flat = [text for pair in fields.items() for text in pair]
    return position_keys(keys, position.id, position.user, position.idx), [found, *flat]


def follow_outcome(reply: Any) -> int | Refused:
    """The reply of ``position_follow.lua``: the position's version, or why it was not noted."""
    return int(reply[1]) if reply[0] == "ok" else wire.refusal_of(reply)


def _watched(keys: Keys, where: PositionKey) -> list[str]:
    """KEYS 1 to 21 of scripts that look at the ticks nobody has passed yet."""
    return [*position_keys(keys, where.id, where.user, where.idx), keys.watch(where.idx)]


def _text(value: int | Keep | None) -> str:
    return "" if value is None else str(value)
