"""The batching executor of bench/trades.py without HTTP: the actor in its tree, on a real Redis.

    python bench/trades_executor.py REDIS_URL SECONDS

Prints one JSON object. Keeps WAITING orders before the executor, as so many requests would; a
trade is answered once Redis has made it, for the peer writes nothing to Postgres either.
"""

# ruff: noqa: E402 — everything imported below must find the patched modules
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json
import sys
import time
from typing import Any

import gevent
from gevent.event import AsyncResult, Event
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.mailbox import Policy
from touchline.actors.trading.executor import TradeExecutor
from touchline.actors.trading.messages import Execute, Executed, WriteFact
from touchline.actors.tree import Tree
from touchline.domain.ids import uuid7
from touchline.store.keys import Keys
from touchline.store.redis_client import open_redis
from touchline.store.scripts import Scripts
from trades_command import command

WAITING = 512  #: orders under way: two full batches, so that the executor never waits for one
ORDERS = 40_000  #: more than there is time for
WARM_S = 0.5


class AtOnce:
    """Stands where the trade-writer is, and answers at once."""

    def tell(self, message: WriteFact) -> bool:
        message.reply.set(Executed(message.made, "redis"))
        return True


class Traders:
    """Hand on the next order when they hear of one; all orders are made before the measurement."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        run = time.time_ns()
        self._orders = iter([command(uuid7(0), f"{run}-{n}") for n in range(ORDERS)])
        self.made = 0
        self.stopped = False
        self.drained = Event()
        self._under_way = 0

    def order(self) -> None:
        reply: AsyncResult[Any] = AsyncResult()
        reply.rawlink(self._heard)
        self._under_way += 1
        self._executor.tell(Execute(next(self._orders), reply))

    def _heard(self, reply: AsyncResult[Any]) -> None:
        self._under_way -= 1
        if not isinstance(reply.value, Executed) or reply.value.durable is None:
            raise RuntimeError(f"no trade: {reply.value}")
        self.made += 1
        if not self.stopped:
            self.order()
        elif not self._under_way:
            self.drained.set()


def measure(redis_url: str, seconds: float) -> dict[str, float]:
    client, keys = open_redis(redis_url), Keys()
    scripts, writer = Scripts(client, keys), AtOnce()
    child = Child(
        "trade-executor",
        lambda: TradeExecutor(scripts, writer),  # type: ignore[arg-type]
        bound=4096,
        policy=Policy.DROP_NEW,
    )
    tree = Tree.start([child], name="bench", addresses=Addresses())
    traders = Traders(tree.address("trade-executor"))
    for _ in range(WAITING):
        traders.order()
    gevent.sleep(WARM_S)
    began, cpu, made = time.perf_counter(), time.process_time(), traders.made
    redis_cpu = redis_s(client)
    gevent.sleep(seconds)
    took, spent, made = time.perf_counter() - began, time.process_time() - cpu, traders.made - made
    redis_cpu = redis_s(client) - redis_cpu
    traders.stopped = True
    traders.drained.wait(10)
    tree.stop()
    client.unlink(keys.trade_outbox)
    return {
        "per_s": made / took,
        "per_core_s": made / spent,
        "per_redis_core_s": made / redis_cpu,
    }


def redis_s(client: Any) -> float:
    used = client.info("cpu")
    return float(used["used_cpu_sys"] + used["used_cpu_user"])


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], float(sys.argv[2]))))
