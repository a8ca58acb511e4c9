"""`touchline reconcile`: the proofs, over servers given or over a data directory."""

from __future__ import annotations

import json
from pathlib import Path

from ..config import Servers
from ..store.reconcile import reconcile
from .reach import servers_of
from .stores import open_stores


def reconcile_books(external: Servers | None, data_dir: Path, as_json: bool) -> int:
    """Print the report; return 0 when everything agrees and 1 otherwise.

    Works beside running services as well as on a data directory that nobody
    uses at the moment. Raises EmbeddedError: there is no data there.
    """
    with servers_of(external, data_dir) as servers:
        stores = open_stores(servers, "reconcile", connections=2, gated=False)
        report = reconcile(stores.redis, stores.keys, stores.pg)
        stores.close()
    print(json.dumps(report.as_dict()) if as_json else report.as_text())
    return 0 if report.ok else 1
