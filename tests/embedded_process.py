"""A process of its own that runs the embedded servers, to be killed by tests."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

CHILD = """
from gevent import monkey
monkey.patch_all()
import sys
from tests.embedded_process import serve
serve(sys.argv[1])
"""


class EmbeddedProcess:
    """The embedded servers on *root* in a child process, which lasts until `kill` or `end`.

    Args:
        through: put before the command, to run it as somebody else.
    """

    def __init__(self, root: Path, through: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [*through, sys.executable, "-c", CHILD, str(root)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.redis_url: str = ready["redis"]
        self.database_url: str = ready["database"]
        self.pids: dict[str, int] = ready["pids"]

    def kill(self) -> None:
        """kill -9 it; its servers are on their own then."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Let it stop its servers and end."""
        self._process.communicate()


def serve(root: str) -> None:
    """Run the servers, say where they are, and stop them at the end of the input."""
    from touchline.store.embedded import Embedded
    from touchline.store.postgres import install_wait_callback

    install_wait_callback()
    with Embedded(Path(root), fsync=False) as servers:
        ready = {"redis": servers.redis_url, "database": servers.database_url}
        print(json.dumps(ready | {"pids": servers.pids}), flush=True)
        sys.stdin.read()


class Watched:
    """A process that may end at any time; made while it lives, so its id cannot mean another."""

    def __init__(self, pid: int) -> None:
        self._pidfd = os.pidfd_open(pid)

    def gone(self, within_s: float = 0.0) -> bool:
        """Whether it has ended, after waiting for that as long."""
        return bool(select.select([self._pidfd], [], [], within_s)[0])

    def __del__(self) -> None:
        os.close(self._pidfd)
