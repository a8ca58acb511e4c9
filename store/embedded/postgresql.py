"""The embedded PostgreSQL: its cluster on disk, its command line, its address."""

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ..postgres import Postgres
from .accounts import Account, first_able, give
from .binaries import postgres_programs
from .datadir import DataDirectory, EmbeddedError
from .process import Place, ServerProcess, run

NAME = "touchline"  #: database and superuser
CONNECTIONS = 60  #: three services' pools, tools, and room for a person with psql
#: A fast shutdown writes a checkpoint; an immediate one leaves that to the next start.
STOPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))


def address(sockets: Path) -> str:
    """The libpq URL of the server whose socket is in *sockets*."""
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(sockets), safe='')}"


def answers(sockets: Path) -> None:
    """Return if the server answers a query now.

    Raises:
        an outage: not yet, or not any more.
    """
    pg = Postgres(address(sockets), size=1)
    try:
        with pg.transaction() as cursor:
            cursor.execute("SELECT 1")
    finally:
        pg.close()


def start(directory: DataDirectory, accounts: Sequence[Account], *, fsync: bool) -> ServerProcess:
    """Start the server, making its cluster if there is none; it may still be recovering.

    Raises:
        EmbeddedError: nobody may run it, or its data are of another version.
    """
    programs = postgres_programs()
    with directory.server_lock("postgres") as lock:

        def version_as(account: Account) -> str:
            return run([f"{programs}/postgres", "--version"], Place(account, directory.root, lock))

        account, version = first_able(accounts, version_as)
        place = Place(account, directory.root, lock)
        if (directory.pg / "PG_VERSION").exists():
            _adopt_cluster(directory.pg, account, version)
        else:
            _create_cluster(programs, directory.pg, place, fsync=fsync)
        return ServerProcess(
            [f"{programs}/postgres", "-D", str(directory.pg), *_settings(directory.sockets, fsync)],
            place,
            directory.logs / "postgres.log",
            STOPS,
        )


def _adopt_cluster(pg: Path, account: Account, version: str) -> None:
    made_by = (pg / "PG_VERSION").read_text(encoding="ascii").strip()
    ours = version.split()[-1].split(".")[0]
    if made_by != ours:
        raise EmbeddedError(
            f"{pg} was made by PostgreSQL {made_by}, and this is PostgreSQL {ours}:"
            f" move it away to start empty, or dump and restore it with version {made_by}"
        )
    give(pg, account)
    # A killed server leaves its process id there, and in a container some
    # other process has that id today. We hold the lock that every server
    # process inherits, so none is left.
    (pg / "postmaster.pid").unlink(missing_ok=True)


def _create_cluster(programs: Path, pg: Path, place: Place, *, fsync: bool) -> None:
    # Elsewhere first: a cluster that is half made must never pass for one.
    fresh = pg.with_name("pg.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(mode=0o700)
        give(fresh, place.account)
        _fill_cluster(programs, fresh, place, fsync=fsync)
        fresh.rename(pg)
    except BaseException:  # Ctrl-C too must not leave 40 MB behind, least of all on a full disk
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _fill_cluster(programs: Path, fresh: Path, place: Place, *, fsync: bool) -> None:
    initdb = [f"{programs}/initdb", "-D", str(fresh)]
    run(
        [
            *(*initdb, "-U", NAME, "--auth=trust", "--encoding=UTF8", "--locale=C"),
            *("--data-checksums", "--no-instructions", "--no-sync"),
        ],
        place,
    )
    # Else a failed statement, as on a full disk, would count as success, and
    # a cluster without our database can never serve.
    strict = ("-c", "exit_on_error=on")
    run(
        [f"{programs}/postgres", "--single", "-F", *strict, "-D", str(fresh), "postgres"],
        place,
        text=f"CREATE DATABASE {NAME};\n",
    )
    if fsync:  # everything at once, which takes half the time
        run([*initdb, "--sync-only"], place)


def _settings(sockets: Path, fsync: bool) -> list[str]:
    durable = "on" if fsync else "off"
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": str(CONNECTIONS),
        "shared_buffers": "128MB",
        # One machine, nobody replicates: the least log, and no helper processes for reading.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "io_method": "sync",
        "jit": "off",
        "log_checkpoints": "off",
        "fsync": durable,
        "full_page_writes": durable,
    }
    return [argument for key, value in settings.items() for argument in ("-c", f"{key}={value}")]
