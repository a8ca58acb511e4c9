"""Whatever keeps the embedded servers from running is said in one line, and leaves nothing."""

import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from touchline.store.embedded import (
    Addresses,
    Embedded,
    EmbeddedError,
    postgresql,
    reachable,
    valkey,
)
from touchline.store.embedded.complaints import complaint
from touchline.store.embedded.datadir import DataDirectory
from touchline.store.embedded.process import LAUNCHER
from touchline.store.outage import OUTAGES
from touchline.store.postgres import Postgres
from touchline.store.redis_client import open_redis

from tests.embedded_process import EmbeddedProcess, Memory, Watched, short_directory
from tests.processes import refusal
from tests.small_disk import SmallDisk

ROOM = "90m"  #: for a new cluster and some log
MB = 1 << 20


@pytest.fixture
def memory() -> Memory:
    return Memory(f"memory_{uuid4().hex}")


@pytest.fixture
def parent() -> Iterator[Path]:
    """A directory that only we may enter."""
    with short_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """A data directory with a past; each test leaves it in working order."""
    with short_directory() as directory:
        with Embedded(directory / "data", fsync=False):
            pass
        yield directory / "data"


@pytest.fixture
def disk(parent: Path) -> Iterator[SmallDisk]:
    """A small disk on *parent*."""
    disk = SmallDisk(parent, ROOM)
    yield disk
    disk.remove()


def from_outside(disk: SmallDisk, root: Path) -> Addresses:
    """Where the servers on *disk* answer those who do not see it."""
    sockets = disk.seen(root / "run")
    return Addresses(valkey.address(sockets), postgresql.address(sockets))


def is_left_alone(root: Path) -> bool:
    """Whether no process manages or serves *root*, and no cluster is half made."""
    directory = DataDirectory(root)
    # Each lock is free only when every process that inherited it has ended.
    with directory.server_lock("postgres"), directory.server_lock("valkey"):
        return not directory.in_use() and not (root / "pg.new").exists()


# In initdb's first bytes, in its last, and in the one statement after it.
@pytest.mark.parametrize("left", [MB // 16, 20 * MB, 40 * MB])
def test_too_little_room_for_a_cluster_is_named_and_with_room_it_is_made(
    disk, parent, memory, left
):
    root = parent / "data"
    disk.fill(leaving=left)

    with pytest.raises(EmbeddedError) as refused:
        EmbeddedProcess(root, disk.through)

    line = str(refused.value)
    assert line.endswith("No space left on device") or "could not extend file" in line
    assert "\n" not in line
    assert not (disk.seen(root) / "pg").exists()
    assert is_left_alone(disk.seen(root))

    disk.make_room()
    process = EmbeddedProcess(root, disk.through)
    memory.add(from_outside(disk, root), "made")
    process.end()


def test_servers_that_a_full_disk_ended_come_back_with_all_they_acknowledged(disk, parent, memory):
    root = parent / "data"
    process = EmbeddedProcess(root, disk.through, fsync=True)
    servers = from_outside(disk, root)
    memory.add(servers, "before")
    ended = [Watched(pid) for pid in process.pids.values()]

    disk.fill()
    write_until_they_end(servers)
    assert all(server.gone(within_s=10.0) for server in ended)
    with pytest.raises(EmbeddedError, match="PostgreSQL ended at its start: ") as revived:
        process.revive()
    process.end()
    with pytest.raises(EmbeddedError) as started:
        EmbeddedProcess(root, disk.through, fsync=True)
    for refused in (revived, started):
        assert re.fullmatch(r".*: No space left on device( \(see .*\.log\))?", str(refused.value))
    assert is_left_alone(disk.seen(root))

    disk.make_room()
    process = EmbeddedProcess(root, disk.through, fsync=True)
    assert memory.of(servers) == {"before"}
    memory.add(servers, "after")
    process.end()


def write_until_they_end(servers: Addresses) -> None:
    """Write to the logs of both, which neither survives on a full disk."""
    client = open_redis(servers.redis_url)
    pg = Postgres(servers.database_url, size=1)

    def into_its_log() -> None:
        # A table that cannot grow would fail the statement only.
        with pg.transaction() as cursor:
            cursor.execute("SELECT pg_logical_emit_message(true, 'more', repeat('x', 100000))")

    for write in (lambda: client.set("more", "x" * 1000), into_its_log):
        with suppress(*OUTAGES):
            while True:
                write()
    client.close()
    pg.close()


def test_a_changed_major_version_ends_the_command_with_one_line_and_harms_nothing(used, memory):
    with Embedded(used, fsync=False) as servers:
        memory.add(servers, "kept")
    version = used / "pg" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("13\n")

    try:
        line = refusal("reconcile", "--data-dir", str(used))
    finally:
        version.write_text(ours)

    assert line.startswith(f"touchline: {used}/pg was made by PostgreSQL 13, and this is Postgre")
    assert is_left_alone(used)
    with Embedded(used, fsync=False) as servers:
        assert memory.of(servers) == {"kept"}


def test_of_two_starts_at_once_one_serves_and_one_is_refused(parent, memory):
    root = parent / "data"

    def start(_number: int) -> EmbeddedProcess | str:
        try:
            return EmbeddedProcess(root)
        except EmbeddedError as error:
            return str(error)

    with ThreadPoolExecutor() as both:
        outcomes = list(both.map(start, range(2)))

    (refused,) = (one for one in outcomes if isinstance(one, str))
    (process,) = (one for one in outcomes if isinstance(one, EmbeddedProcess))
    assert refused == f"the data directory {root} is in use by another Touchline"
    memory.add(process, "served")
    process.end()
    assert is_left_alone(root)


def test_a_path_of_100_characters_leaves_no_directory_of_sockets_behind(used, memory):
    long = used.with_name("x" * (99 - len(str(used.parent))))
    long.symlink_to(used)
    assert len(str(long)) == 100

    process = EmbeddedProcess(long)
    memory.add(process, "here")
    elsewhere = [(long / "run").readlink()]
    process.kill()
    with Embedded(long, fsync=False) as servers:
        elsewhere.append((long / "run").readlink())
        assert memory.of(servers) == {"here"}
        with reachable(long) as found:
            assert memory.of(found) == {"here"}

    assert not any(path.exists() for path in elsewhere)
    assert is_left_alone(long)


def test_a_user_whose_directory_it_is_not_is_told_so_and_changes_nothing(used):
    # Root becomes nobody; anybody else tries where only the kernel makes directories.
    if os.geteuid() == 0:
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), "9", "nobody"]
        through, closed = [*launch, os.getcwd()], used
    else:
        through, closed = [], Path("/sys/touchline")

    with pytest.raises(EmbeddedError) as refused:
        EmbeddedProcess(closed, through)

    line = str(refused.value)
    assert f"{closed}/pg belongs to the user" in line or f"data directory {closed}: " in line
    assert "\n" not in line
    assert is_left_alone(used)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("", "it said nothing"),
        ("ready\n\nbye \n", "bye"),
        (
            "2026-11-26 04:47:58.298 UTC [71] FATAL:  the database system is starting up\n"
            "2026-11-26 04:47:58.299 UTC [70] PANIC:  could not locate a valid checkpoint record\n"
            "2026-11-26 04:47:58.300 UTC [69] LOG:  database system is shut down\n",
            "PANIC:  could not locate a valid checkpoint record",
        ),
        (
            "71:C 26 Nov 2026 04:47:58.298 # WARNING Memory overcommit must be enabled!\n"
            "71:M 26 Nov 2026 04:47:58.299 * Server initialized\n"
            "71:M 26 Nov 2026 04:47:58.300 # Bad file format reading the append only file\n",
            "Bad file format reading the append only file",
        ),
    ],
)
def test_what_a_server_said_becomes_the_line_that_tells_why(said: str, line: str) -> None:
    assert complaint(said) == line
