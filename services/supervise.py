"""Runs a service: its tree from the boot to an orderly stop, and the exit code of the process."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Sequence

import gevent
import structlog
from gevent.event import Event

from ..actors.address import Addresses
from ..actors.child import Child
from ..actors.errors import BootFailed, Escalated
from ..actors.tree import EXIT_CODE, Tree
from ..store.embedded import EmbeddedError
from ..store.outage import OUTAGES
from .health import ServiceHealth

ROOT = "root"
GARBAGE = 50_000  #: objects made since garbage was last looked for
_log = structlog.get_logger(__name__)


def supervise(
    children: Sequence[Child],
    *,
    addresses: Addresses,
    health: ServiceHealth,
    ready: Callable[[Event], int | None],
) -> int:
    """Run *children* under a root until told to stop; return the exit code of the process.

    Args:
        ready: called when all children run, with an event that is set by SIGINT
            and SIGTERM; it returns an exit code to end by, or None to stay.

    A second signal does not hurry a stop: it is bounded in time by itself.
    """
    told = Event()
    watchers = [gevent.signal_handler(n, told.set) for n in (signal.SIGINT, signal.SIGTERM)]
    try:
        tree = Tree.start(
            [*health.children(), *children],
            name=ROOT,
            addresses=addresses,
            # A full disk keeps an embedded server away until somebody makes room.
            outages=(*OUTAGES, EmbeddedError),
        )
    except BootFailed as why:
        _log.error("boot failed", why=str(why))
        return EXIT_CODE
    health.watch(tree)
    spare_garbage()
    # An escalation ends the wait as a signal does.
    end = gevent.spawn(_ended, tree, told)
    try:
        code = ready(told)
        if code is None:
            told.wait()
    finally:
        _stop(tree)
        for watcher in watchers:
            watcher.cancel()
    return EXIT_CODE if end.get(timeout=5) else code or 0


def spare_garbage() -> None:
    """Look for garbage only among what is made from now on, and less often."""
    # What is there by now stays: to walk through all of it again and again would hold up
    # everybody for some 50 ms each time.
    gc.collect()
    gc.freeze()
    # A batch of facts or states is tens of thousands of objects, none of which refers to itself;
    # by default each is looked at a few times while the batch is in use.
    gc.set_threshold(GARBAGE)


def _stop(tree: Tree) -> None:
    report = tree.stop()
    if not report.clean:
        _log.warning("had to be killed", children=report.killed, survived=report.survived)


def _ended(tree: Tree, told: Event) -> bool:
    """Whether the tree gave up by itself."""
    try:
        tree.wait()
    except Escalated as why:
        _log.error("the tree gave up", why=str(why))
        told.set()
        return True
    return False


def stay(_told: Event) -> None:
    """The `ready` of a service that runs until it is told to stop."""
