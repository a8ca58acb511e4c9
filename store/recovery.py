"""Puts Redis back after a restart, as one of several processes that would.

The work is `rehydrate`; here is who does it, and how long that lasts. A lease
keeps the others from doing it as well. Nothing rests on that: what two of them
put back is put back once, for each write asks for the version that was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import gevent
import redis

from ..domain.clock import Monotonic
from .gate import Rehydrating, unnoted_run_id
from .keys import Keys
from .lease import Lease
from .outage import OUTAGES
from .postgres import Postgres
from .rehydrate import rehydrate

RENEW_S = 2.0  #: real seconds between renewals; a third of the lease's time to live


class Recovery:
    """What a process does about a Redis that has restarted.

    Args:
        client: not gated, or it could never open the gate.
        monotonic: real seconds, for the lease.
        owner: of the lease; unique, made up if not given.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        pg: Postgres,
        *,
        monotonic: Monotonic,
        owner: str | None = None,
    ) -> None:
        self._redis = client
        self._keys = keys
        self._pg = pg
        self._lease = Lease(client, keys.lease("rehydrate"), monotonic=monotonic, owner=owner)

    def due(self) -> bool:
        """Whether Redis has restarted since it was last put back; two small reads."""
        return unnoted_run_id(self._redis, self._keys) is not None

    def run(self) -> bool:
        """Put Redis back, or return False: another process is at it.

        Takes as long as the tables are large. Raises an outage of either server.
        """
        if not self._lease.renew():
            return False
        token = self._lease.token
        with self._kept():
            rehydrate(self._redis, self._keys, self._pg, lambda: self._may_go_on(token))
        return True

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def _may_go_on(self, token: int) -> None:
        # Under another token it was lost meanwhile: to another process, or with all else in Redis.
        if not self._lease.renew() or self._lease.token != token:
            raise Rehydrating("Redis has to be put back from the beginning")

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Keep the lease while Postgres reads whole tables, which is longer than it lives."""
        keeper = gevent.spawn(self._keep)
        try:
            yield
        finally:
            keeper.kill()
            with suppress(*OUTAGES):  # it runs out by itself
                self._lease.release()

    def _keep(self) -> None:
        while True:
            gevent.sleep(RENEW_S)
            with suppress(*OUTAGES):  # the work meets them too, and says so
                self._lease.renew()
