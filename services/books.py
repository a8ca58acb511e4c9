"""`touchline reconcile`: the proofs, over servers given or over a data directory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..config import Servers
from ..store.embedded import reachable
from ..store.reconcile import reconcile
from .stores import open_stores


def reconcile_books(external: Servers | None, data_dir: Path, as_json: bool) -> int:
    """Print the report; return 0 when everything agrees and 1 otherwise.

    Works beside running services as well as on a data directory that nobody
    uses at the moment. Raises EmbeddedError: there is no data there.
    """
    with _servers(external, data_dir) as servers:
        stores = open_stores(servers, "reconcile", connections=2, gated=False)
        report = reconcile(stores.redis, stores.keys, stores.pg)
        stores.close()
    print(json.dumps(report.as_dict()) if as_json else report.as_text())
    return 0 if report.ok else 1


@contextmanager
def _servers(external: Servers | None, data_dir: Path) -> Iterator[Servers]:
    if external is not None:
        yield external
        return
    with reachable(data_dir) as addresses:
        yield Servers(addresses.redis_url, addresses.database_url, "")
