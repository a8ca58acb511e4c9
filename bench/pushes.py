"""What the short list of a user's pushes costs Redis: time for each trade, memory for each user.

    python bench/pushes.py             # under a minute; --json for machines

Runs the real `trade_execute.lua` on an embedded Valkey, as it is and without the three commands
that keep the push, turn and turn about, and takes the CPU time that the server's thread has used.
"""

# ruff: noqa: E402 — everything imported below must find the patched modules
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse
import hashlib
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import new_instrument
from touchline.domain.trading import Side
from touchline.store.commands import CreditCommand, TradeCommand
from touchline.store.embedded import Embedded
from touchline.store.executable import kinds
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.lua import LuaScript, run_all
from touchline.store.redis_client import open_redis
from touchline.store.scripts import Scripts

IDX = InstrumentIdx(1)
KEEPS = """  if redis.call('RPUSH', pushes_key, told) > 32 then redis.call('LPOP', pushes_key) end
  redis.call('EXPIRE', pushes_key, 120)
"""
BATCH = 100  #: in one pipeline
USERS = 200


class Without(LuaScript):
    """A script without what keeps its push."""

    def __init__(self, script: LuaScript) -> None:
        if KEEPS not in script._source:
            raise ValueError("push() is not what this benchmark knows")
        self._source = script._source.replace(KEEPS, "")
        self.sha = hashlib.sha1(self._source.encode(), usedforsecurity=False).hexdigest()


class Exchange:
    """One club and some users with money."""

    def __init__(self, client: Any) -> None:
        self.client, self.keys = client, Keys()
        self.kind = kinds()[TradeCommand]
        self._number = 0
        Hot(client, self.keys).create_instrument(new_instrument(IDX, "ARS", "Arsenal"))
        scripts = Scripts(client, self.keys)
        for user in range(1, USERS + 1):
            entry, key = f"019a0000-0000-7000-8000-{user:012}", f"welcome:{user}"
            scripts.wallet_credit(CreditCommand(entry, UserId(user), "grant", 10**11, key, "", 1))

    def batch(self, script: LuaScript) -> None:
        """A pipeline of trades; half of them give back what the others took."""
        calls = []
        for n in range(BATCH):
            user = UserId(1 + self._number // 2 % USERS)
            side = Side.SELL if n % 2 else Side.BUY
            number = f"{self._number:012}"
            self._number += 1
            command = TradeCommand(
                trade_id=f"019b0000-0000-7000-8000-{number}",
                user=user,
                idx=IDX,
                side=side,
                qty=1000,
                bound_px=None,
                idem_key=f"order-{number}",
                fingerprint="f" * 64,
                client_order_id=None,
                now_ms=1_792_854_300_123,
            )
            calls.append((script, self.kind.call(self.keys, command)))
        for reply in run_all(self.client, calls):
            if reply[0] != "ok":
                raise RuntimeError(reply)

    def spent(self, script: LuaScript, trades: int) -> float:
        """Microseconds of CPU of the server for each trade, with reading and answering it."""
        self.batch(script)  # known to the server from here on
        before = self._cpu_s()
        for _ in range(trades // BATCH):
            self.batch(script)
        spent_s = self._cpu_s() - before
        self.client.delete(self.keys.trade_outbox, self.keys.ticks(IDX))
        return spent_s / trades * 1e6

    def _cpu_s(self) -> float:
        cpu = self.client.info("cpu")
        return float(cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"])

    def memory(self) -> dict[str, float]:
        """Bytes of a full list, of each push in it, and of what else a trade leaves for a day."""
        lists = [self.keys.pushes(user) for user in range(1, USERS + 1)]
        sizes = [self.client.memory_usage(key, samples=0) for key in lists]
        texts = [text for key in lists for text in self.client.lrange(key, 0, -1)]
        keys = self.client.scan_iter(self.keys.idem(1, "order-*"))
        return {
            "pushes_in_list": self.client.llen(lists[0]),
            "list_bytes": statistics.mean(sizes),
            "text_bytes": statistics.mean(map(len, texts)),
            "idem_bytes": statistics.mean(self.client.memory_usage(key) for key in keys),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--trades", type=int, default=4_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Embedded(Path(folder), fsync=False) as servers:
        exchange = Exchange(open_redis(servers.redis_url))
        kept, left_out = exchange.kind.script, Without(exchange.kind.script)
        with_it, without = [], []
        for _ in range(wanted.rounds):
            with_it.append(exchange.spent(kept, wanted.trades))
            without.append(exchange.spent(left_out, wanted.trades))
        figures: dict[str, float] = {
            "with_us": statistics.median(with_it),
            "without_us": statistics.median(without),
            "push_us": statistics.median(a - b for a, b in zip(with_it, without, strict=True)),
        }
        exchange.spent(kept, USERS * 64)
        figures |= exchange.memory()
    if wanted.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:>16} {value:,.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
