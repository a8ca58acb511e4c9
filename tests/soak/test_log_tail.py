"""The end of a log is cut off as it was a moment ago, and not before."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from .log_tail import LOST_S, LogTail


class Now:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = tmp_path / "appendonlydir" / "appendonly.aof.9.incr.aof"
    log.parent.mkdir()
    log.write_bytes(b"kept")
    return log


@pytest.fixture
def tail(tmp_path: Path, log: Path, now: Now) -> LogTail:
    """One that has seen the log with "kept", a moment ago."""
    tail = LogTail(tmp_path, Random(1), now)
    tail.look()
    now.at_s += LOST_S[0] / 2
    return tail


def test_what_was_written_in_the_last_moments_is_lost(tail: LogTail, log: Path) -> None:
    log.write_bytes(b"kept and lost")
    tail.look()

    assert tail.cut() == len(" and lost")
    assert log.read_bytes() == b"kept"


def test_what_was_written_before_them_is_kept(tail: LogTail, log: Path, now: Now) -> None:
    log.write_bytes(b"kept as well")
    now.at_s += 2 * LOST_S[1]
    tail.look()
    log.write_bytes(b"kept as well, and this is lost")

    assert tail.cut() == len(", and this is lost")
    assert log.read_bytes() == b"kept as well"


def test_a_log_that_was_cut_off_is_cut_off_again_only_as_far_as_it_has_grown(
    tail: LogTail, log: Path
) -> None:
    tail.cut()
    log.write_bytes(b"kept, then")
    tail.look()
    log.write_bytes(b"kept, then more")

    assert tail.cut() == len(" more")


def test_of_a_log_that_was_begun_anew_the_old_one_stays(tail: LogTail, log: Path) -> None:
    newer = log.with_name("appendonly.aof.10.incr.aof")
    newer.write_bytes(b"")
    tail.look()
    newer.write_bytes(b"lost")

    tail.cut()

    assert (log.read_bytes(), newer.read_bytes()) == (b"kept", b"")


def test_nothing_is_left_where_all_is_lost(tail: LogTail, tmp_path: Path) -> None:
    (tmp_path / "dump.rdb").write_bytes(b"a copy")

    tail.wipe()

    assert list(tmp_path.iterdir()) == []
