"""Which greenlets were started, without a search among all objects there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from weakref import WeakSet

import gevent


@contextmanager
def started_greenlets() -> Iterator[Collection[gevent.Greenlet]]:
    """Yield those that are started in the meantime, as long as anybody still knows them."""
    started: WeakSet[gevent.Greenlet] = WeakSet()
    gevent.Greenlet.add_spawn_callback(started.add)
    try:
        yield started
    finally:
        gevent.Greenlet.remove_spawn_callback(started.add)
