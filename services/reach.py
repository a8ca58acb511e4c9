"""The servers a command works on: those of the environment, or those of a data directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..config import Servers
from ..store.embedded import reachable


@contextmanager
def servers_of(external: Servers | None, data_dir: Path) -> Iterator[Servers]:
    """Yield *external*, else the servers of *data_dir*, started for the while if nobody runs them.

    Raises:
        EmbeddedError: there is no data there.
    """
    if external is not None:
        yield external
        return
    with reachable(data_dir) as addresses:
        yield Servers(addresses.redis_url, addresses.database_url, "")
