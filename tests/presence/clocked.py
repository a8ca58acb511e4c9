"""A real Redis whose scripts read the time of a simulation, and which may lose what it has.

The scripts are the product's own, on a real server. Only `TIME` is another's: a test cannot wait
for heartbeats to lapse.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
import redis as redis_module
from redis.exceptions import NoScriptError, ResponseError

from tests.fakes.snapshots import Snapshot, put, take

TIME = "redis.call('TIME')"
CLOCK = "sim:time"
SAID = f"{{string.match(redis.call('GET', '{CLOCK}'), '(%d+) (%d+)')}}"
HEADER = re.compile(
    r"^-- ([a-z_]+): ", re.MULTILINE
)  #: of each part of a script; the last is its own
NOTE = ("presence_join", "presence_leave", "presence_reap")
PUBLISH = (*NOTE, "replay_tell", "portfolio_remind")
NOTHING = ["refused", "later"]
EXCHANGE_MS = 1  #: what a message takes to Redis and back

Command = tuple[bytes, ...]
Mutate = Callable[[str], str]
"""Changes the text of a script; the identity but where a rule is to be broken."""


class ClockedRedis:
    """*client*'s server, emptied.

    Attributes:
        ms: Redis' time, Unix ms.
        published: messages so far that something may have been published by.
        is_down: nobody gets there.
        told: users and stamps of returns that a replay was told of; since a loss.
        noted: users and stamps of all returns there may have been.
    """

    def __init__(
        self, client: redis_module.Redis, mortal: Sequence[str], mutate: Mutate = str
    ) -> None:
        """Take *mortal*, the keys whose times to live matter to the story."""
        client.flushdb()
        self._mortal = mortal
        self.client = client
        self.ms = 1_790_000_000_000
        self.published = 0
        self._locked = False
        self.is_down = False
        self._mutate = mutate
        self.told: list[tuple[bytes, bytes]] = []
        self.noted: set[tuple[bytes, bytes]] = set()
        self._loaded: dict[bytes, tuple[str, bytes]] = {}
        self._kept: list[tuple[int, Snapshot]] = []

    def load(self, source: str) -> None:
        """SCRIPT LOAD, of the text that reads our clock."""
        sha = hashlib.sha1(source.encode()).hexdigest()
        timed = self._mutate(source).replace(TIME, SAID)
        name = HEADER.findall(source)[-1]
        self._loaded[sha.encode()] = name, self.client.script_load(timed).encode()

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """Carry out *commands* in one message; what fails is a value."""
        self.ms += EXCHANGE_MS
        if missing := [one for one in commands if one[0] == b"EVALSHA" and not self._known(one)]:
            assert len(missing) == len(commands), "a script is run only behind one of its own kind"
            return [NoScriptError() for _ in commands]
        connection: Any = self.client.connection_pool.get_connection()
        try:
            clock = b"SET", CLOCK.encode(), b"%d %d" % divmod(self.ms * 1000, 1_000_000)
            packed = [hiredis.pack_command(one) for one in (clock, *map(self._real, commands))]
            connection.send_packed_command([b"".join(packed)])
            replies = [_reply(connection) for _ in packed][1:]
        finally:
            self.client.connection_pool.release(connection)
        for command, reply in zip(commands, replies, strict=True):
            if command[0] == b"EVALSHA":
                name, keys = self._loaded[command[1]][0], int(command[2])
                self._note(name, command[3 + keys :], reply)
        return replies

    def pass_time(self, ms: int) -> None:
        """Let *ms* go by; what has a time to live has less of it."""
        self.ms += ms
        self._kept = [(at, kept) for at, kept in self._kept if self.ms - at <= 1_000]
        if not self._locked:
            return
        pipe = self.client.pipeline(transaction=False)
        for name in self._mortal:
            pipe.pttl(name)
        left = dict(zip(self._mortal, pipe.execute(), strict=True))
        self._locked = max(left.values()) > 0
        for name, left_ms in left.items():
            if left_ms > 0:
                pipe.pexpire(name, max(0, left_ms - ms))
        pipe.execute()

    def keep(self) -> None:
        """Write down what there is, as a log does once a second."""
        self._kept.append((self.ms, take(self.client)))

    def lose(self) -> int | None:
        """Restart with what was written down, less than a second ago; since when all is lost.

        None if nothing was written down.
        """
        if not self._kept:
            return None
        at_ms, kept = self._kept[0]
        put(self.client, kept)
        self._kept.clear()
        self._loaded.clear()
        self.told.clear()
        self._locked = True
        return at_ms

    def name_of(self, command: Command) -> str:
        """The script that is run, or the command's own name."""
        if command[0] == b"EVALSHA":
            return self._loaded[command[1]][0] if self._known(command) else "unknown"
        return command[0].decode()

    def _note(self, name: str, args: Sequence[bytes], reply: Any) -> None:
        if name == "replay_tell" and reply == ["ok"]:
            self.told.append((args[0], args[2]))
        elif name in NOTE and reply == ["ok", 1]:
            self.noted.add((args[0], b"%d" % (self.ms * 1000)))
        said = reply[1:] if name == "portfolio_remind" and reply[0] == "ok" else reply
        self.published += name in PUBLISH and said not in ([], ["ok", 0], NOTHING)
        self._locked |= name.startswith("replay")

    def _known(self, command: Command) -> bool:
        return command[1] in self._loaded

    def _real(self, command: Command) -> Command:
        if command[0] != b"EVALSHA":
            return command
        return command[0], self._loaded[command[1]][1], *command[2:]


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
