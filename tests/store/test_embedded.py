"""The embedded servers live as long as their process, and keep their data whatever happens."""

import os
import pwd
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import gevent
import pytest
from touchline.store.embedded import Embedded, EmbeddedError, reachable
from touchline.store.embedded.accounts import candidates
from touchline.store.embedded.datadir import DataDirectory
from touchline.store.embedded.process import LAUNCHER
from touchline.store.postgres import Postgres
from touchline.store.redis_client import open_redis

from tests.embedded_process import EmbeddedProcess, Memory, Watched, short_directory


@pytest.fixture
def memory() -> Memory:
    return Memory(f"memory_{uuid4().hex}")


@pytest.fixture
def root() -> Iterator[Path]:
    """A data directory to be, in a directory that only we may enter."""
    with short_directory() as parent:
        yield parent / "data"


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """A data directory with a past; each test leaves it in working order."""
    with short_directory() as parent:
        with Embedded(parent / "data", fsync=False):
            pass
        yield parent / "data"


def test_killing_the_process_again_and_again_loses_nothing(used, memory):
    rounds = [f"Türkiye {number}" for number in range(5)]
    killed = []

    for value in rounds:
        process = EmbeddedProcess(used)
        killed += [Watched(pid) for pid in process.pids.values()]
        memory.add(process, value)
        process.kill()

    with Embedded(used, fsync=False) as servers:
        assert memory.of(servers) == set(rounds)
        assert all(server.gone() for server in killed)


def test_a_killed_process_leaves_no_process_behind(used):
    process = EmbeddedProcess(used)

    process.kill()

    # Each lock is free only when every process that inherited it has ended.
    directory = DataDirectory(used)
    with directory.server_lock("postgres"), directory.server_lock("valkey"):
        assert not directory.in_use()


def test_an_orderly_stop_leaves_no_server_and_keeps_the_data(used, memory):
    with Embedded(used, fsync=False) as servers:
        memory.add(servers, "kept")
        processes = [Watched(pid) for pid in servers.pids.values()]

    assert all(process.gone() for process in processes)
    with Embedded(used, fsync=False) as servers:
        assert memory.of(servers) == {"kept"}


def test_a_second_start_on_the_same_directory_is_refused_and_harms_nothing(used, memory):
    with Embedded(used, fsync=False) as servers:
        memory.add(servers, "first")

        with pytest.raises(EmbeddedError, match=f"{used} is in use by another Touchline"):
            Embedded(used).start()

        assert memory.of(servers) == {"first"}


def test_a_refused_start_leaves_the_sockets_of_a_long_path_alone(root, used, memory):
    long = root.with_name("a" * 100)
    long.symlink_to(used)
    with Embedded(long, fsync=False) as servers:
        with pytest.raises(EmbeddedError, match="in use"):
            Embedded(long).start()

        memory.add(servers, "reached")


@pytest.mark.parametrize("name", ["x" * 150, "one, two", "50% \"Čelsea\" 'twice'?#&= $HOME"])
def test_the_data_directory_may_have_any_name(root, name, memory):
    with Embedded(root / name, fsync=False) as servers:
        memory.add(servers, "here")

        assert memory.of(servers) == {"here"}


def test_a_server_that_was_killed_is_started_again_with_its_data(used, memory):
    with Embedded(used, fsync=False) as servers:
        memory.add(servers, "before")
        for pid in servers.pids.values():
            process = Watched(pid)
            os.kill(pid, signal.SIGKILL)
            assert process.gone(within_s=5.0)

        assert servers.revive() == ("Valkey", "PostgreSQL")

        assert memory.of(servers) == {"before"}
        assert servers.revive() == ()


def test_a_cluster_of_another_version_is_named_and_left_as_it_is(root):
    (root / "pg").mkdir(parents=True)
    (root / "pg" / "PG_VERSION").write_text("13\n")

    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 13, and this is PostgreSQL \d+"):
        Embedded(root).start()

    assert [path.name for path in (root / "pg").iterdir()] == ["PG_VERSION"]


def test_broken_data_fail_with_the_servers_own_words_and_leave_nothing_running(used, memory):
    for log in (used / "valkey" / "appendonlydir").glob("*.incr.aof"):
        log.write_bytes(b"nonsense" * 1000)

    with pytest.raises(
        EmbeddedError, match=r"^Valkey ended at its start: Bad file format.* \(see /.*valkey.log\)$"
    ):
        Embedded(used).start()

    shutil.rmtree(used / "valkey")
    with Embedded(used, fsync=False) as servers:
        memory.add(servers, "works again")


def test_a_cut_last_entry_of_valkeys_log_is_dropped_and_the_rest_kept(used, memory):
    with Embedded(used, fsync=False) as servers:
        memory.add(servers, "whole")
        client = open_redis(servers.redis_url)
        client.set("cut", "off")
        client.close()
    (log,) = (used / "valkey" / "appendonlydir").glob("*.incr.aof")
    os.truncate(log, log.stat().st_size - 5)

    with Embedded(used, fsync=False) as servers:
        assert memory.of(servers) == {"whole"}


def test_a_cluster_that_was_half_made_is_made_anew(root, memory):
    (root / "pg.new" / "base").mkdir(parents=True)

    with Embedded(root, fsync=False) as servers:
        memory.add(servers, "made")


def test_the_process_id_of_a_stranger_does_not_pass_for_a_running_server(used, memory):
    # As after a restart of a container, where ids repeat.
    (used / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{used}/pg\n")

    with Embedded(used, fsync=False) as servers:
        memory.add(servers, "started")


def test_a_root_that_cannot_be_written_is_named(root):
    root.write_text("a file")

    with pytest.raises(EmbeddedError, match=f"cannot use the data directory {root}"):
        Embedded(root).start()


def test_a_worker_thread_may_not_start_them(used):
    # The kernel would kill the servers when that thread ends.
    workers = gevent.get_hub().threadpool

    with pytest.raises(EmbeddedError, match="main thread"):
        workers.apply(Embedded(used).start)


def test_servers_of_a_running_process_are_found_and_left_running(used, memory):
    process = EmbeddedProcess(used)
    memory.add(process, "theirs")

    with reachable(used) as found:
        assert memory.of(found) == {"theirs"}

    assert memory.of(process) == {"theirs"}
    process.end()


def test_servers_of_a_stopped_process_are_started_for_the_while(used, memory):
    with Embedded(used, fsync=False) as servers:
        memory.add(servers, "theirs")

    with reachable(used) as found:
        assert memory.of(found) == {"theirs"}

    assert Embedded.attach(used) is None


def test_a_directory_without_data_is_not_filled_by_a_reader(root):
    with pytest.raises(EmbeddedError, match="holds no data"), reachable(root):
        pass

    assert not root.exists()


@pytest.mark.parametrize("account", candidates(), ids=lambda account: account.name)
def test_every_account_of_this_user_can_run_them_below_a_closed_directory(used, account, memory):
    with Embedded(used, fsync=False, accounts=[account]) as servers:
        memory.add(servers, "closed")

    assert (used / "pg").stat().st_uid == account.uid


def test_the_data_follow_when_the_account_changes(used, memory):
    accounts = [*candidates(), *candidates()]
    for number, account in enumerate(accounts):
        with Embedded(used, fsync=False, accounts=[account]) as servers:
            memory.add(servers, f"round {number}")

    with Embedded(used, fsync=False) as servers:
        assert memory.of(servers) == {f"round {number}" for number in range(len(accounts))}


def test_a_user_without_privileges_can_run_them(root, memory):
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody").pw_uid
        os.chown(root.parent, nobody, -1)
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), "9", "nobody"]
        through = [*launch, os.getcwd()]
    else:
        nobody, through = os.geteuid(), []

    process = EmbeddedProcess(root, through)
    memory.add(process, "plain")
    process.end()

    assert {path.stat().st_uid for path in (root, root / "pg", root / "valkey")} == {nobody}


def test_nothing_listens_on_the_network(used):
    with Embedded(used, fsync=False) as servers:
        client = open_redis(servers.redis_url)
        assert client.config_get("port") == {"port": "0"}
        client.close()
        pg = Postgres(servers.database_url, size=1)
        with pg.transaction() as cursor:
            cursor.execute("SHOW listen_addresses")
            assert cursor.fetchone() == ("",)
        pg.close()
