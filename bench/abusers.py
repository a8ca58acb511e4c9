"""Abusers of a ws-server in a process of their own.

python bench/abusers.py KIND PORT AT_ONCE SECONDS < private key
"""

# ruff: noqa: E402 — patching comes first
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import os
import sys
import time
from pathlib import Path

import gevent

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from touchline.http.tokens import Signer

from tests.abuse import kinds


def main(kind: str, port: int, at_once: int, seconds: float) -> None:
    # They get what honest clients leave of their core, so that no honest client waits for it.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    target = kinds.Target(port, Signer(sys.stdin.read()))
    attack: kinds.Attack = getattr(kinds, kind)
    ends = time.monotonic() + seconds

    def again_and_again() -> None:
        while time.monotonic() < ends:
            attack(target)
            gevent.sleep(0)

    workers = [gevent.spawn(again_and_again) for _ in range(at_once)]
    gevent.joinall(workers, timeout=seconds)
    os._exit(0)  # whoever still waits for the server is reset


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
