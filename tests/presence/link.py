"""The way of one duty to Redis, on which a message may come to all kinds of grief."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from enum import StrEnum
from typing import Any

import greenlet
import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as RedisTimeoutError
from touchline.store.outage import OUTAGES

from tests.fakes.failing import Killed

from .clocked import ClockedRedis, Command


class Fate(StrEnum):
    """What may come upon a message."""

    REFUSED = "refused"  #: it never gets there
    HALF = "half"  #: the first half of it does
    UNANSWERED = "unanswered"  #: it is carried out, the answer is lost
    HELD = "held"  #: it is given up, and gets there all the same, at some time
    LATE = "late"  #: its sender stands still before it is sent
    LATE_ANSWER = "late answer"  #: its sender stands still before it reads the answer
    KILLED = "killed"  #: its sender dies before it
    KILLED_AFTER = "killed after"  #: its sender dies behind it


class Link:
    """What a duty has for a client of Redis: as much of one as the product's parts use.

    Attributes:
        fate: of the next message that begins with one of *what*, if that says anything.
        held: messages given up and on their way.
    """

    def __init__(self, redis: ClockedRedis) -> None:
        self.fate: Fate | None = None
        self.what: Container[str] = ()
        self.held: deque[Sequence[Command]] = deque()
        self._redis = redis
        self.connection_pool = self  # scripts send over a connection of it

    # -- as a client

    def get_connection(self) -> _Wire:
        return _Wire(self)

    def release(self, _wire: _Wire) -> None: ...

    def script_load(self, source: str) -> None:
        self._redis.load(source)

    def get(self, name: str) -> str | None:
        return self._one("GET", name)

    def lrange(self, name: str, first: int, last: int) -> list[str]:
        return self._one("LRANGE", name, str(first), str(last))

    def hkeys(self, name: str) -> list[str]:
        return self._one("HKEYS", name)

    def hdel(self, name: str, field: str) -> int:
        return self._one("HDEL", name, field)

    def hgetall(self, name: str) -> dict[str, str]:
        found = self._one("HGETALL", name)
        return dict(zip(found[::2], found[1::2], strict=True))

    def srandmember(self, name: str, count: int) -> list[str]:
        return self._one("SRANDMEMBER", name, str(count))

    def mget(self, names: Iterable[str]) -> list[str | None]:
        return self._one("MGET", *names)

    def time(self) -> tuple[int, int]:
        return divmod(self._redis.ms * 1000, 1_000_000)

    # -- as a way that things befall

    def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to one message. Raises outages, and `Killed`."""
        fate = self._met(self._redis.name_of(commands[0]))
        if fate is Fate.KILLED:
            raise Killed
        if fate is Fate.LATE:
            stand_still()
        if self._redis.is_down or fate is Fate.REFUSED:
            raise RedisConnectionError("refused")
        if fate is Fate.HELD:
            self.held.append(commands)
            raise RedisTimeoutError("given up")
        replies = self._redis.run(commands[: len(commands) // 2] if fate is Fate.HALF else commands)
        if fate in (Fate.HALF, Fate.UNANSWERED):
            raise RedisConnectionError("cut")
        if fate is Fate.LATE_ANSWER:
            stand_still()
        if fate is Fate.KILLED_AFTER:
            raise Killed
        return replies

    def _met(self, what: str) -> Fate | None:
        if self.what and what not in self.what:
            return None
        fate, self.fate = self.fate, None
        return fate

    def deliver(self) -> None:
        """Whatever was given up gets there."""
        while self.held:
            self._redis.run(self.held.popleft())

    def _one(self, *command: str) -> Any:
        [reply] = self.exchange([tuple(map(str.encode, command))])
        if isinstance(reply, Exception):
            raise reply
        return reply


class _Wire:
    """A connection as `touchline.store.redis_client` uses one."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._replies: deque[Any] = deque()

    def send_packed_command(self, data: Iterable[bytes]) -> None:
        reader = hiredis.Reader()
        for part in data:
            reader.feed(part)
        commands = [tuple(command) for command in iter(reader.gets, False)]
        self._replies.extend(self._link.exchange(commands))

    def read_response(self) -> Any:
        reply = self._replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        return reply


class Duty:
    """Does one thing after the other, over one link, and may stand still amid one.

    Attributes:
        is_dead: it was killed by a fate of its link.
    """

    def __init__(self, redis: ClockedRedis) -> None:
        self.link = Link(redis)
        self.is_dead = False
        self._standing: Any = None

    @property
    def stands(self) -> bool:
        """Whether it stands still amid something."""
        return self._standing is not None

    def do(self, work: Callable[[], object]) -> bool:
        """Do *work*; False if an outage ended it. True also if it stands still amid it."""
        self._ended = True
        self._go(greenlet.greenlet(lambda: self._guarded(work)))
        return self._ended

    def go_on(self) -> bool:
        """End what it stands still amid, if it does; False as `do`."""
        if not self.stands:
            return True
        standing, self._standing = self._standing, None
        self._ended = True
        self._go(standing)
        return self._ended

    def _go(self, worker: Any) -> None:
        if worker.switch() is _STANDS:
            self._standing = worker

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except (*OUTAGES, NoScriptError):  # the latter if Redis restarts between load and run
            self._ended = False
        except Killed:
            self.is_dead = True


_STANDS = object()


def stand_still() -> None:
    """Leave the greenlet of a `Duty` until somebody has it go on."""
    greenlet.getcurrent().parent.switch(_STANDS)
