"""The embedded Valkey: its command line and its address."""

import os
import signal
from pathlib import Path
from urllib.parse import quote

from ..redis_client import open_redis
from .accounts import Account
from .binaries import valkey_server
from .datadir import DataDirectory
from .process import Place, ServerProcess

STOPS = ((signal.SIGTERM, 15.0),)


def address(sockets: Path) -> str:
    """The URL of the server whose socket is in *sockets*."""
    return f"unix://{quote(str(_socket(sockets)))}?db=0"


def answers(sockets: Path) -> None:
    """Return if the server answers now.

    Raises:
        an outage: not yet, still loading, or not any more.
    """
    client = open_redis(address(sockets), connections=1)
    try:
        client.ping()
    finally:
        client.close()


def start(directory: DataDirectory, *, fsync: bool) -> ServerProcess:
    """Start the server; it may still be loading its data."""
    settings = {
        "port": "0",
        "unixsocket": str(_socket(directory.sockets)),
        "unixsocketperm": "700",
        "dir": str(directory.valkey),
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "always" if fsync else "no",
        # A kill -9 may cut the last entry, which nobody was told of yet.
        "aof-load-truncated": "yes",
        # An hourly copy beside the log. Not without fsync, where every
        # FLUSHALL would write one.
        "save": "3600 1" if fsync else "",
        "shutdown-on-sigterm": "nosave",
    }
    with directory.server_lock("valkey") as lock:
        return ServerProcess(
            [str(valkey_server()), *(a for k, v in settings.items() for a in (f"--{k}", v))],
            Place(Account("self", os.geteuid()), directory.root, lock),
            directory.logs / "valkey.log",
            STOPS,
        )


def _socket(sockets: Path) -> Path:
    return sockets / "valkey.sock"
