"""Orders of the past and of the next seconds: from Redis while they are fresh, else from Postgres.

Redis has every order that waits, and those done within the last hour; Postgres has all, a
fraction of a second later, and the trades that never waited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from ..domain.ids import UserId
from ..domain.orders import DelayedOrder, OrderStatus, TradeTerms
from ..domain.position_events import PositionEvent
from ..domain.trading import Fill
from . import wire
from .facts import EVENT, ORDER
from .keys import Keys
from .ledger import Ledger, TradeCursor
from .order_wire import is_known, order_of
from .position_hashes import event_of
from .postgres import Postgres

_BEFORE = "(TIMESTAMPTZ 'epoch' + %(at_ms)s * INTERVAL '1 millisecond', %(id)s::uuid)"


@dataclass(frozen=True, slots=True)
class Placed:
    """One order of a user: the *order* if it waits or waited, the *fill* if it was filled.

    An order on a position has the position's *event* for a fill. Either may be missing, of an order
    that waited, for as long as Postgres refuses it.
    *at* is when it was accepted, or filled if it never waited.
    """

    at: TradeCursor
    order: DelayedOrder | None
    fill: Fill | None
    event: PositionEvent | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """What is due: the oldest *orders*, out of *ids* looked at; *waiting* tells all that wait."""

    orders: Sequence[DelayedOrder]
    ids: int
    waiting: int


class Orders:
    """Reads of orders."""

    def __init__(self, client: redis.Redis, keys: Keys, pg: Postgres) -> None:
        self._redis = client
        self._keys = keys
        self._pg = pg
        self._ledger = Ledger(pg)

    def due(self, now_ms: int, limit: int) -> Due:
        """At most *limit* of the orders whose release is not after *now_ms* (calendar)."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zrangebyscore(self._keys.pending_orders, "-inf", now_ms, start=0, num=limit)
            pipe.zcard(self._keys.pending_orders)
            ids, waiting = pipe.execute()
        # A newer replica may file kinds that this one does not know; it will release them.
        known = [fields for fields in self._hashes(ids) if is_known(fields)]
        return Due(list(map(order_of, known)), len(ids), waiting)

    def one(self, user: UserId, order_id: str) -> Placed | None:
        """The user's own order *order_id* (a UUID)."""
        [fields] = self._hashes([order_id])
        mine = bool(fields) and int(fields["uid"]) == user
        order = order_of(fields) if mine else self._recorded(user, [order_id]).get(order_id)
        if order is None:
            fill = self._ledger.trade(user, order_id)
            return Placed(TradeCursor(fill.at_ms, order_id), None, fill) if fill else None
        place = TradeCursor(order.accepted_ms, order_id)
        if order.status is not OrderStatus.FILLED:
            return Placed(place, order, None)
        if isinstance(order.terms, TradeTerms):
            return Placed(
                place, order, self._fresh_fill(order) or self._ledger.trade(user, order_id)
            )
        fresh = self._fresh_fact(order)
        event = event_of(fresh) if fresh else self._events(user, [order_id]).get(order_id)
        return Placed(place, order, None, event)

    def page(
        self, user: UserId, *, limit: int, before: TradeCursor | None, status: OrderStatus | None
    ) -> tuple[Placed, ...]:
        """The user's orders, newest first, at most *limit*, those after *before* in that order.

        *status* is the one that Postgres has; what Redis knows better is in the answer.
        """
        places = self._places(user, limit, before, status)
        ids = [place.trade_id for place in places]
        orders, fills = self._recorded(user, ids), self._ledger.trades_by_id(user, ids)
        events = self._events(user, ids)
        for order in self._fresher(orders):
            orders[order.order_id] = order
            if order.status is OrderStatus.FILLED and order.order_id not in fills:
                fill = self._fresh_fill(order)
                fills |= {order.order_id: fill} if fill else {}
        return tuple(
            Placed(
                place,
                orders.get(place.trade_id),
                fills.get(place.trade_id),
                events.get(place.trade_id),
            )
            for place in places
        )

    def _fresher(self, orders: Mapping[str, DelayedOrder]) -> list[DelayedOrder]:
        """What Redis knows of those *orders* that Postgres believes to wait."""
        waiting = [one for one, order in orders.items() if order.status is OrderStatus.PENDING]
        return [order_of(fields) for fields in self._hashes(waiting) if fields]

    def _places(
        self, user: UserId, limit: int, before: TradeCursor | None, status: OrderStatus | None
    ) -> list[TradeCursor]:
        where = {"orders": "user_id = %(user)s", "trades": "user_id = %(user)s"}
        if status is not None:
            where["orders"] += " AND status = %(status)s"
        if before is not None:
            where["orders"] += f" AND (accepted_at, id) < {_BEFORE}"
            where["trades"] += f" AND (executed_at, id) < {_BEFORE}"
        found = (
            f"(SELECT id, accepted_at AS at FROM orders WHERE {where['orders']}"
            " ORDER BY accepted_at DESC, id DESC LIMIT %(limit)s)"
        )
        if status in (None, OrderStatus.FILLED):
            found += (
                f" UNION ALL (SELECT id, executed_at FROM trades WHERE {where['trades']}"
                " AND NOT EXISTS (SELECT 1 FROM orders WHERE orders.id = trades.id)"
                " ORDER BY executed_at DESC, id DESC LIMIT %(limit)s)"
            )
        values = {
            "user": user,
            "limit": limit,
            "status": status and status.value,
            "at_ms": before and before.at_ms,
            "id": before and before.trade_id,
        }
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT (extract(epoch FROM at) * 1000)::bigint, id::text"
                f" FROM ({found}) AS placed ORDER BY at DESC, id DESC LIMIT %(limit)s",
                values,
            )
            return [TradeCursor(*row) for row in cursor.fetchall()]

    def _recorded(self, user: UserId, ids: Sequence[str]) -> dict[str, DelayedOrder]:
        with self._pg.transaction() as cursor:
            cursor.execute(
                f"{ORDER.select()} WHERE id = ANY(%s::uuid[]) AND user_id = %s", (list(ids), user)
            )
            return {row[0]: order_of(ORDER.fields(row)) for row in cursor.fetchall()}

    def _events(self, user: UserId, ids: Sequence[str]) -> dict[str, PositionEvent]:
        with self._pg.transaction() as cursor:
            cursor.execute(
                f"{EVENT.select()} WHERE id = ANY(%s::uuid[]) AND user_id = %s", (list(ids), user)
            )
            return {row[0]: event_of(EVENT.fields(row)) for row in cursor.fetchall()}

    def _fresh_fill(self, order: DelayedOrder) -> Fill | None:
        fact = self._fresh_fact(order) if isinstance(order.terms, TradeTerms) else None
        return wire.fill_of(fact) if fact else None

    def _fresh_fact(self, order: DelayedOrder) -> dict[str, str] | None:
        """What an order became that was filled within the last day, as Redis remembers it."""
        fact: Any = self._redis.hget(self._keys.idem(order.user, order.release_key), "res")
        return wire.entry_of(fact) if fact else None

    def _hashes(self, ids: Iterable[str]) -> list[dict[str, str]]:
        with self._redis.pipeline(transaction=False) as pipe:
            for order_id in ids:
                pipe.hgetall(self._keys.order(order_id))
            return list(pipe.execute())
