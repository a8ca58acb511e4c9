"""Commands on positions, as they are read from requests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from ..domain.ids import UserId, uuid7
from ..domain.opening import OpenOrder
from ..domain.positions import Direction, Stops
from ..store.position_commands import (
    CloseCommand,
    Keep,
    MarginCommand,
    OpenCommand,
    PositionKey,
    StopsCommand,
)
from .listing import Listing
from .validate import (
    InstrumentName,
    Name,
    PriceText,
    QuantityText,
    SignedMoneyText,
    invalid,
    money,
    price,
    quantity,
)

T = TypeVar("T")
Change = int | Keep | None


class _Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    def fingerprint(self, path: str) -> str:
        """Digest of what was asked of *path*; two bodies that read the same have the same one."""
        canonical = f"POST {path}\n".encode() + msgspec.json.encode(self)
        return hashlib.sha256(canonical).hexdigest()


class Level(_Shape, frozen=True):
    """A stop-loss or take-profit."""

    price: PriceText


class Trail(_Shape, frozen=True):
    """A trailing stop."""

    distance: PriceText


class OpenBody(_Shape, frozen=True):
    """Body of `POST /v1/positions`."""

    instrument: InstrumentName
    side: Direction
    quantity: QuantityText
    leverage: int
    price_bound: PriceText | None = None
    stop_loss: Level | None = None
    take_profit: Level | None = None
    trailing_stop: Trail | None = None
    client_order_id: Name | None = None


class CloseBody(_Shape, frozen=True):
    """Body of `POST /v1/positions/{id}/close`."""

    quantity: QuantityText | None = None
    price_bound: PriceText | None = None
    expected_version: int | None = None


class MarginBody(_Shape, frozen=True):
    """Body of `POST /v1/positions/{id}/margin`; a minus sign takes back."""

    amount: SignedMoneyText


class StopsBody(_Shape, frozen=True):
    """Body of `PATCH /v1/positions/{id}`: what is absent stays, what is null goes."""

    stop_loss: Level | msgspec.UnsetType | None = msgspec.UNSET
    take_profit: Level | msgspec.UnsetType | None = msgspec.UNSET
    trailing_stop: Trail | msgspec.UnsetType | None = msgspec.UNSET


def read_open(
    user: UserId, key: str, asked: OpenBody, listing: Listing, now_ms: int
) -> OpenCommand:
    """The position that *asked* describes. Raises Refuse.

    An unknown instrument is found last: whatever else is refused is a fault of the form.
    """
    qty = quantity(asked.quantity, "/quantity")
    bound_px = _bound(asked.price_bound)
    stops = Stops(
        _level(asked.stop_loss, "/stop_loss"),
        _level(asked.take_profit, "/take_profit"),
        _trail(asked.trailing_stop),
    )
    order = OpenOrder(
        position_id=uuid7(now_ms),
        user=user,
        idx=listing.idx_of(asked.instrument, "/instrument"),
        side=asked.side,
        qty=qty,
        leverage=asked.leverage,
        bound_px=bound_px,
        stops=stops,
    )
    fingerprint = asked.fingerprint("/v1/positions")
    return OpenCommand(order, key, fingerprint, asked.client_order_id, now_ms)


def read_close(position: PositionKey, key: str, asked: CloseBody, now_ms: int) -> CloseCommand:
    """The close that *asked* describes. Raises Refuse."""
    return CloseCommand(
        event_id=uuid7(now_ms),
        position=position,
        qty=None if asked.quantity is None else quantity(asked.quantity, "/quantity"),
        bound_px=_bound(asked.price_bound),
        version=asked.expected_version,
        idem_key=key,
        fingerprint=asked.fingerprint(f"/v1/positions/{position.id}/close"),
        now_ms=now_ms,
    )


def read_margin(position: PositionKey, key: str, asked: MarginBody, now_ms: int) -> MarginCommand:
    """The change of margin that *asked* describes. Raises Refuse."""
    amount_e4 = money(asked.amount.removeprefix("-"), "/amount")
    return MarginCommand(
        event_id=uuid7(now_ms),
        position=position,
        amount_e4=-amount_e4 if asked.amount.startswith("-") else amount_e4,
        idem_key=key,
        fingerprint=asked.fingerprint(f"/v1/positions/{position.id}/margin"),
        now_ms=now_ms,
    )


def read_stops(position: PositionKey, version: int, asked: StopsBody, now_ms: int) -> StopsCommand:
    """The stops that *asked* describes. Raises Refuse."""
    if asked == StopsBody():
        raise invalid("", "give at least one of stop_loss, take_profit, trailing_stop")
    return StopsCommand(
        event_id=uuid7(now_ms),
        position=position,
        version=version,
        stop_loss_px=_kept(asked.stop_loss, lambda level: _level(level, "/stop_loss")),
        take_profit_px=_kept(asked.take_profit, lambda level: _level(level, "/take_profit")),
        trail_px=_kept(asked.trailing_stop, _trail),
        now_ms=now_ms,
    )


def _bound(text: str | None) -> int | None:
    return None if text is None else price(text, "/price_bound")


def _level(level: Level | None, pointer: str) -> int | None:
    return None if level is None else price(level.price, f"{pointer}/price")


def _trail(trail: Trail | None) -> int | None:
    return None if trail is None else price(trail.distance, "/trailing_stop/distance")


def _kept(value: T | msgspec.UnsetType | None, read: Callable[[T | None], int | None]) -> Change:
    return "=" if isinstance(value, msgspec.UnsetType) else read(value)
