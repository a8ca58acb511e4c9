"""Processes of bench/fanout.py: on which core they run, and what the kernel counts of them."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trades_cpu import family_cpu_s

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
CORES = sorted(os.sched_getaffinity(0))
#: One server is measured at a time, alone on the first core where there are two; everything else,
#: clients and Redis among it, is on the second.
SERVER_CORE, OTHER_CORE = CORES[0], CORES[-1]


def prepare_this_process() -> None:
    """Leave the server's core, allow as many descriptors as the kernel does, and end tidily."""
    # Else whoever stops a benchmark early leaves its servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.sched_setaffinity(0, {OTHER_CORE})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def server_process(
    command: Sequence[str], log: Path, environment: Mapping[str, str], directory: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run *command* on the server's core until the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=dict(environment),
            cwd=directory,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
        )
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Ask *process* to end; kill it if it does not."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_s(pid: int) -> float:
    """CPU seconds of *pid* and its children."""
    return family_cpu_s(pid)


def rss_bytes(pid: int) -> int:
    """Memory of *pid*, or of its largest child if it is only a master."""
    living = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return max(map(_rss_bytes, (pid, *map(int, living))))


def _rss_bytes(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError):  # a child that has ended meanwhile
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    return 0
