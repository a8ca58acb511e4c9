"""`touchline reconcile`: the proofs, over servers given or over a data directory."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg2
import redis

from ..config import Servers
from ..store.reconcile import Report, reconcile, repair
from .reach import servers_of
from .stores import Stores, open_stores


class BooksUnreadable(Exception):
    """A server is away, refuses us or is not Touchline's; the text is the one line to show."""


def reconcile_books(
    external: Servers | None, data_dir: Path, as_json: bool, *, mark: bool = False
) -> int:
    """Print the report; return 0 when everything agrees and 1 otherwise.

    With *mark* what is newer in Redis and unmarked is marked dirty, for the flusher to carry over;
    the report is of before. Works beside running services as well as on a data directory that
    nobody uses at the moment.

    Raises:
        EmbeddedError: there is no data there.
        BooksUnreadable: nothing is known of the books, which is not the same as wrong ones.
    """
    with servers_of(external, data_dir) as servers:
        stores = open_stores(servers, "reconcile", connections=2, gated=False)
        report = _report(stores)
        marked = repair(stores.redis, stores.keys, report) if mark else 0
        stores.close()
    if mark:
        print(f"states marked dirty: {marked}", file=sys.stderr)  # standard output may be JSON
    print(json.dumps(report.as_dict()) if as_json else report.as_text())
    return 0 if report.ok else 1


def _report(stores: Stores) -> Report:
    try:
        # First, because a refusal of everything would later pass for unreadable books.
        stores.redis.ping()
        return reconcile(stores.redis, stores.keys, stores.pg)
    except (redis.RedisError, psycopg2.Error) as why:
        said = str(why).partition("\n")[0]
        raise BooksUnreadable(f"cannot read the books: {type(why).__name__}: {said}") from None
