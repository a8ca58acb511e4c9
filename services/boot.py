"""The steps between a start and a tree: servers that answer, a schema, a complete Redis."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from ..store.lease import Lease
from ..store.outage import OUTAGES
from ..store.rehydrate import rehydrate
from ..store.schema import apply_schema
from .stores import Stores

RETRY_S = 0.5  #: first pause while a server is away; doubles up to the longest
LONGEST_RETRY_S = 5.0
_log = structlog.get_logger(__name__)


def prepare(stores: Stores) -> None:
    """Return when Postgres has the schema and Redis has everything Postgres knows of.

    Waits for servers that are away, with one line in the log.

    Raises:
        SchemaMismatch: the database is of another version or another program.
    """
    _waited_out("postgres", lambda: apply_schema(stores.pg))
    lease = stores.lease("rehydrate")
    _waited_out("redis", lambda: _rehydrated(stores, lease))


def _rehydrated(stores: Stores, lease: Lease) -> None:
    while not lease.renew():  # another process is at it
        time.sleep(RETRY_S)
    try:
        rehydrate(stores.redis, stores.keys, stores.pg)
    finally:
        lease.release()


def _waited_out(server: str, step: Callable[[], object]) -> None:
    pause_s = RETRY_S
    while True:
        try:
            step()
        except OUTAGES as outage:
            if pause_s == RETRY_S:
                _log.warning("waiting for a server", server=server, why=str(outage).strip())
            time.sleep(pause_s)
            pause_s = min(LONGEST_RETRY_S, pause_s * 2)
        else:
            return
