"""An exchange on real servers whose Redis can be lost, and processes that die or stand still.

Beside it goes the `Timeline` that tells what should be there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis as redis_module
from redis.exceptions import NoScriptError
from touchline.store.gate import Rehydrating
from touchline.store.keys import Keys
from touchline.store.life import complete_life, life_of_redis
from touchline.store.outage import OUTAGES
from touchline.store.postgres import Postgres
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.scanner import Scanner
from touchline.store.scripts import Scripts

from tests.fakes.agreement import (
    check_postgres,
    check_redis,
    check_stops,
    known_up_to,
    known_version,
)
from tests.fakes.bookkeeping import START_E4, Books
from tests.fakes.duties import drain
from tests.fakes.facts import AT_MS
from tests.fakes.failing import Killed
from tests.fakes.snapshots import Snapshot, put, take
from tests.fakes.stepping import Fate, Steps, Work
from tests.fakes.timeline import Place, Timeline
from tests.fakes.told_scripts import ToldScripts


class Gate:
    """A client for services: *real*, to which nobody gets a connection while it is to be put back.

    Connections end when it restarts. Who gets one after that keeps it until it restarts again.
    """

    def __init__(self, real: redis_module.Redis, admits: Callable[[], bool]) -> None:
        self.shut = False
        self._real = real
        self._admits = admits

    def __getattr__(self, name: str) -> Any:
        if self.shut and not self._admits():
            raise Rehydrating("Redis has restarted and is being put back")
        return getattr(self._real, name)


class Server:
    """*real*, by the *run_id* of the life that it is in."""

    def __init__(self, real: redis_module.Redis, run_id: Callable[[], str]) -> None:
        self._real = real
        self._run_id = run_id

    def info(self, _: str) -> dict[str, str]:
        return {"run_id": self._run_id()}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@dataclass(frozen=True, slots=True)
class Kept:
    """What Redis had at one moment, up to what was made at the place *held*."""

    keys: Snapshot
    held: Place


class Survival:
    """The exchange, its losses, and what should have become of it."""

    def __init__(self, redis: redis_module.Redis, pg: Postgres) -> None:
        self.timeline = Timeline()
        self.kept: list[Kept] = []
        self.frozen: list[Work] = []
        self._losses = self._troubles = 0
        self._since: dict[tuple[str, int], str] = {}
        self._armed: set[str] = set()
        redis.script_flush()  # every story begins alike
        self.books = Books(redis, pg)
        self.keys: Keys = self.books.keys
        self.client: Any = Gate(redis, self._admits)
        self._server: Any = Server(redis, self._run_id)
        for number, user in enumerate(self.books.users, 1):
            world = self.timeline.world.paid(user, START_E4)
            self.timeline.happened(number, world, user, f"welcome:{user}")
        rehydrate(self._server, self.keys, pg)
        self._may_be_empty = False
        self._set_witness()

    def now_ms(self) -> int:
        """The calendar, which never shows the same twice."""
        return AT_MS + self.books.number()

    def scripts(self, steps: Steps) -> Any:
        """Those of a process that *steps* may kill or freeze."""
        real = Scripts(self.client, self.keys)
        return ToldScripts(real, self.timeline, steps, self._armed)

    def scanner(self, steps: Steps) -> Scanner:
        """That of such a process."""
        client = steps.client(self.client)
        return Scanner(client, self.keys, self.scripts(steps), self.now_ms)

    def work(self, steps: Steps, call: Callable[[], object], fate: Fate | None) -> bool:
        """Have *call* done, or meet its *fate*; whether it lives and can be asked again."""
        steps.begin(fate)
        excused = not self.open or self.due
        losses, troubles = self._losses, self._troubles

        def waiting_out() -> None:
            try:
                call()
            except NoScriptError:
                assert self._losses > losses  # between the loading of a script and its call
            except OUTAGES as outage:
                caused = excused or self.due or self._troubles > troubles
                if not caused:
                    raise AssertionError("an outage without a cause") from outage

        work = Work(steps, waiting_out)
        if work.frozen:
            self.frozen.append(work)
            return False
        try:
            work.thaw()
        except Killed:
            return False
        steps.fate = None
        return True

    def thaw(self, number: int) -> None:
        """One of those that stand still goes on."""
        # It may be one that puts Redis back, or that has: then any other is left behind.
        self._troubles += 1
        self._may_be_empty = True
        self.frozen.pop(number % len(self.frozen)).thaw()

    # Losses ----------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether services are connected, or can be."""
        return not self.client.shut or self._admits()

    @property
    def due(self) -> bool:
        """Whether Redis has to be put back."""
        return bool(self.books.redis.get(self.keys.meta("run_id")) != self._run_id())

    def keep(self) -> None:
        """Have Redis write down what it has."""
        self.kept.append(Kept(take(self.books.redis), self.timeline.held))

    def restart(self) -> None:
        """Redis restarts, and has lost nothing."""
        self.client.shut = True
        left_behind = life_of_redis(self.books.redis, self.keys) < complete_life(self.books.pg)
        self._may_be_empty = left_behind or not self._witnessed()
        self._losses += 1
        self._troubles += 1
        self.books.redis.script_flush()

    def go_back(self, number: int) -> None:
        """Redis restarts as it was at one of the moments it has written down.

        What has happened since may have gone on from another: then nothing of it holds any more.
        """
        kept = self.kept[number % len(self.kept)]
        put(self.books.redis, kept.keys)
        self.timeline.held = kept.held
        self.restart()

    def empty(self) -> None:
        """Redis restarts without anything."""
        self.books.redis.flushdb()
        self.timeline.held = 0, 0
        self.restart()

    def put_back(self, fate: Fate | None = None) -> None:
        """Rehydrate, as every process would whose turn it is."""
        self._troubles += 1
        steps = Steps()
        redis, pg = steps.client(self._server), steps.guard(self.books.pg)
        lives = self.work(steps, lambda: rehydrate(redis, self.keys, pg), fate)
        assert not (lives and self.due), "Redis cannot be put back"

    def _set_witness(self) -> None:
        """Have Redis hold something that is gone once it was emptied."""
        self.books.redis.set(self.keys.idem(0, "a witness"), "of what happens")

    def _witnessed(self) -> bool:
        return bool(self.books.redis.exists(self.keys.idem(0, "a witness")))

    def _run_id(self) -> str:
        return f"run {self._losses}"

    def _admits(self) -> bool:
        """Whether who asks for a connection gets one; with the first the story goes on."""
        if self.due:
            return False
        self.client.shut = False
        self._go_on()
        return True

    def _go_on(self) -> None:
        """The story goes on from the newest moment that Redis or Postgres knew of."""
        if not self._witnessed():
            assert self._may_be_empty, "a Redis was emptied that nobody had left behind"
            self.timeline.held = 0, 0
        self._set_witness()
        place, beginning = known_up_to(self.books, self.timeline)
        assert beginning, "a record is lost that is older than what is not"
        self.timeline.rewind(place)
        assert known_version(self.books) == place[0]
        self._since.clear()
        for stake in self.timeline.world.stakes.values():
            position, ticks = stake.position, self.keys.ticks(stake.idx)
            checked = position.checked_tick_id
            if not self.books.redis.xrange(ticks, checked, checked):
                # Nobody can say what was before and what after it: decision 9.
                last = self.books.redis.xrevrange(ticks, count=1)
                self._since[position.id, position.number] = last[0][0] if last else "0-0"

    # In Postgres -----------------------------------------------------------------------------

    def refuse(self, user: int | None) -> None:
        """Have Postgres refuse what *user* does, or nobody any more."""
        for table in ("trades", "cfd_events", "orders"):
            change = f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS no_more"
            if user is not None:
                change += f", ADD CONSTRAINT no_more CHECK (user_id <> {user}) NOT VALID"
            self.books.rows(change)

    def retry_parked(self) -> None:
        """Have all parked facts tried again now."""
        for name, outbox in self.books.drain().outboxes.items():
            self.books.rows(f"UPDATE {name.value} SET next_retry_at = now()")
            outbox.retry_parked()

    # What must be so -------------------------------------------------------------------------

    def check(self) -> None:
        """Postgres is right, and so is Redis if it is there."""
        check_postgres(self.books, self.timeline)
        if self.open:
            check_redis(self.books, self.timeline)

    def check_stops(self) -> None:
        """Nothing is open that a tick should have closed."""
        check_stops(self.books, self.timeline, self._since, self._armed)

    def end(self) -> None:
        """Everybody ends in peace: then everything is everywhere, once."""
        while self.frozen:
            self.thaw(0)
        self.refuse(None)
        if self.due:
            self.put_back()
        self.check()
        self.retry_parked()
        assert drain(self, Steps()).everything().complete
        self.check()
        assert known_version(self.books) == self.timeline.held[0]
        assert self.books.differences() == []
        report = reconcile(self.books.redis, self.keys, self.books.pg)
        assert report.ok, report.as_text()
