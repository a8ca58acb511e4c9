"""Trades at an even rate for bench/flush.py, in a process of their own; all by the real script.

    python bench/flush_trader.py REDIS_URL RATE SECONDS PEOPLE

Prints "begin", then trades, then prints one JSON array of `Made`, each as an array.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, NamedTuple

from flush_book import any_trade
from touchline.store.commands import Filled
from touchline.store.keys import Keys
from touchline.store.redis_client import open_redis
from touchline.store.scripts import Scripts

SEND_S = 0.004  #: what is due is sent so often: 8 trades in a pipeline at 2,000 a second


class Made(NamedTuple):
    """A trade, when Redis made it (real ms), and the versions it left."""

    at_ms: int
    user: int
    idx: int
    seq: int
    wallet: int
    holding: int
    instrument: int


def play(scripts: Scripts, rate: float, seconds: float, people: int) -> list[Made]:
    """Trade; falls behind and stays behind if Redis does not keep up."""
    made: list[Made] = []
    began_at = time.perf_counter()
    while (passed_s := time.perf_counter() - began_at) < seconds:
        due = int(passed_s * rate) - len(made)
        if due:
            outcomes = scripts.execute([any_trade(people) for _ in range(due)])
            made += map(_made, outcomes)
        time.sleep(SEND_S)
    return made


def _made(outcome: Any) -> Made:
    if not isinstance(outcome, Filled):
        raise RuntimeError(f"no trade: {outcome}")
    names = ("uid", "idx", "seq", "wv", "hv", "iv")
    return Made(
        int(outcome.entry_id.partition("-")[0]), *(int(outcome.entry[name]) for name in names)
    )


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    per_s, for_s, traders = map(float, numbers)
    with open_redis(url) as client:
        print("begin", flush=True)
        print(json.dumps(play(Scripts(client, Keys()), per_s, for_s, int(traders))))
