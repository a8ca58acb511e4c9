"""A second Valkey that follows the first one over a link that can fail, and may take over."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from touchline.store.embedded.binaries import valkey_server
from touchline.store.outage import OUTAGES
from touchline.store.redis_client import open_redis

from .proxy import Proxy
from .waiting import eventually

START_S = 60.0


class Replica:
    """A replica of the Valkey at *primary_url* (a Unix socket), with its data in *root*."""

    def __init__(self, root: Path, primary_url: str) -> None:
        self._root = root
        self.path = str(root / "valkey.sock")
        self.link = Proxy(urlsplit(primary_url).path)

    @property
    def url(self) -> str:
        return f"unix://{self.path}?db=0"

    def __enter__(self) -> Replica:
        """Return when it has all that the primary has."""
        self.link.__enter__()
        settings = {
            "port": "0",
            "unixsocket": self.path,
            "dir": str(self._root),
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
            "replicaof": f"127.0.0.1 {self.link.port}",
            "repl-timeout": "5",  # s without a word from the primary
        }
        with (self._root / "log").open("ab") as out:
            self._process = subprocess.Popen(
                [
                    valkey_server(),
                    *(part for k, v in settings.items() for part in (f"--{k}", *v.split())),
                ],
                stdout=out,
                stderr=out,
            )
        self._client = open_redis(self.url, role="test-replica")
        eventually(self._follows, START_S, lambda: (self._root / "log").read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self.link.__exit__()

    def take_over(self) -> None:
        """Be a primary, of what has arrived so far."""
        self._client.replicaof("NO", "ONE")

    def _follows(self) -> bool:
        try:
            return bool(self._client.info("replication")["master_link_status"] == "up")
        except OUTAGES:
            return False
