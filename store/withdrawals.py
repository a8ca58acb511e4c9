"""Orders that wait, taken back by the house: of bots that are switched off, of who is suspended.

Their owners cannot take them back. Source: docs/market.md, "The delay".
"""

from __future__ import annotations

from collections.abc import Collection

import redis

from ..domain.ids import UserId
from ..domain.orders import OrderStatus
from ..domain.refusals import Refusal, Refused
from .commands import OrderDone
from .keys import Keys
from .order_wire import is_known, order_of
from .scripts import Scripts


class Withdrawals:
    """Rejects what users have ordered and what has not been carried out."""

    def __init__(self, client: redis.Redis, keys: Keys, scripts: Scripts) -> None:
        self._redis = client
        self._keys = keys
        self._scripts = scripts

    def withdraw(self, users: Collection[UserId], why: Refusal, now_ms: int) -> int:
        """Reject all orders of *users* that wait; how many those were.

        What they had set aside is free again. One that is carried out meanwhile stays filled.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            for user in users:
                pipe.smembers(self._keys.pending_of(user))
            pending = pipe.execute()
        with self._redis.pipeline(transaction=False) as pipe:
            for order_id in sorted(set().union(*pending)):
                pipe.hgetall(self._keys.order(order_id))
            found = [order_of(each) for each in pipe.execute() if is_known(each)]
        refused = Refused(why)
        statuses = self._scripts.orders_done([OrderDone(one, refused, now_ms) for one in found])
        return statuses.count(OrderStatus.REJECTED)
