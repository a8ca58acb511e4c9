"""CPU seconds of processes that others run, as the kernel counts them."""

from __future__ import annotations

import os
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU seconds of *pid* since its start, all its threads together."""
    return sum(_times(pid)[:2]) * TICK_S


def family_cpu_s(pid: int) -> float:
    """CPU seconds of *pid* and of its children, those that have ended included."""
    while True:
        living = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        try:
            return sum(map(cpu_s, map(int, living))) + sum(_times(pid)) * TICK_S
        except FileNotFoundError:
            continue  # one has ended meanwhile, and is counted by its parent now


def _times(pid: int) -> list[int]:
    """utime, stime, and those of children that have been waited for, in ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(ticks) for ticks in fields[11:15]]
