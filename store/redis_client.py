"""Redis (or Valkey) clients with bounded waits and no hidden retries.

A client that retries by itself hides an outage from the supervisor and can
run a command twice; ours fails at once with one of `outage.OUTAGES`.
"""

import select
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import hiredis
import redis
from gevent import monkey
from redis.backoff import NoBackoff
from redis.connection import DefaultParser
from redis.exceptions import ResponseError
from redis.retry import Retry

from .outage import CannotWrite

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0  #: longest wait for an answer; the slowest script takes milliseconds
POOL_WAIT_S = 2.0  #: longest wait for a free connection
PUBSUB_CONNECTIONS = 8
HEALTH_CHECK_S = 15.0  #: a connection idle for longer is pinged before it is used

_poll = monkey.get_original("select", "poll")


def open_redis(
    url: str,
    *,
    role: str = "touchline",
    connections: int = 32,
    on_connect: Callable[[Any], None] | None = None,
) -> redis.Redis:
    """Return a client for commands and scripts; text in, text out.

    Connects on first use, so it never fails here. At most *connections* are
    open; a caller waits `POOL_WAIT_S` for a free one and then gets a
    ConnectionError, which is an outage like any other.

    Args:
        url: redis://, rediss:// or unix:// address.
        role: shown in CLIENT LIST.
        on_connect: greets each new connection in redis-py's place, and may refuse
            it with an outage; see `gate.gate`.
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=POOL_WAIT_S,
        decode_responses=True,
        # What is no UTF-8, which nobody of us writes, is spelled out: one such value in a stream
        # would else keep whoever reads it from all the others, again and again.
        encoding_errors="backslashreplace",
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        health_check_interval=HEALTH_CHECK_S,
        retry=Retry(NoBackoff(), 0),
        client_name=role,
        # RESP2: with RESP3 the client would also negotiate maintenance
        # notifications, which may move its connections on its own.
        protocol=2,
        redis_connect_func=on_connect,
        command_packer=_Packer(),
        parser_class=_Parser,
    )
    return redis.Redis.from_pool(pool)


class _Parser(DefaultParser):  # type: ignore[misc, valid-type]  # chosen at runtime
    """hiredis, as redis-py uses it, with a cheaper look at whether there is something to read.

    redis-py has one with every connection it takes from its pool, and gevent's poll costs as much
    as sending a command even if it does not wait. The original is one system call.
    """

    EXCEPTION_CLASSES: ClassVar = DefaultParser.EXCEPTION_CLASSES | {
        "MISCONF": CannotWrite,
        "NOREPLICAS": CannotWrite,
    }

    def can_read(self, timeout: float = 0) -> bool:
        """Whether something can be read, or the server has hung up, within *timeout* s."""
        if self._reader and not self._reader.has_data():
            if timeout:
                # Reads where redis-py would poll, poll again and peek: who waits will read anyway.
                return bool(self.read_from_socket(timeout=timeout, raise_on_timeout=False))
            if _silent(self._sock):
                return False
        return bool(super().can_read(timeout))


def _silent(sock: Any) -> bool:
    """Whether *sock* has nothing to say; False if only a closer look can tell."""
    if hasattr(sock, "pending"):  # TLS may have read and kept something
        return False
    poll = _poll()
    poll.register(sock.fileno(), select.POLLIN)
    return not poll.poll(0)


class _Packer:
    """Packs commands as redis-py's own does, but looks at no argument one by one in Python.

    hiredis takes texts, bytes and numbers; that look is 9 of 13 µs for the 22 arguments of a trade.
    """

    def pack(self, *args: Any) -> list[bytes]:
        """One command on the wire; its name may be of two words, such as SCRIPT LOAD."""
        return [hiredis.pack_command((*args[0].split(), *args[1:]))]


def open_pubsub_redis(
    url: str, *, role: str = "touchline", on_connect: Callable[[Any], None] | None = None
) -> redis.Redis:
    """Return a client for `pubsub()` alone, so that readers never take a command's connection.

    One connection per `pubsub()`. Read each in a greenlet of its own with
    `get_message(timeout=1.0)` in a loop: every call also sends the health
    check, so a link that died silently shows as an error within
    `HEALTH_CHECK_S` plus `REPLY_TIMEOUT_S`. A lost connection raises instead
    of subscribing again behind the reader's back; what was published
    meanwhile has to be read anew.
    """
    return open_redis(
        url, role=f"{role}-pubsub", connections=PUBSUB_CONNECTIONS, on_connect=on_connect
    )


def raw_reply(client: redis.Redis, *command: str) -> Any:
    """Redis' reply to *command* as it is, without what redis-py makes of it.

    For replies of thousands of parts, which it turns into dicts one by one.

    Raises:
        redis.RedisError: the connection broke, or Redis answers with an error.
    """
    connection: Any = client.connection_pool.get_connection()
    try:
        connection.send_command(*command)
        return connection.read_response()
    finally:
        client.connection_pool.release(connection)


def raw_replies(client: redis.Redis, commands: Iterable[tuple[str, ...]]) -> list[Any]:
    """Redis' replies to *commands*, in their order and one round trip; errors are values.

    What redis-py's pipeline does, without what it does for other commands than plain ones: that is
    more than half of the CPU that reading thousands of hashes takes.

    Raises:
        redis.RedisError: the connection broke; any of the commands may have run.
    """
    packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]
    if not packed:
        return []
    connection: Any = client.connection_pool.get_connection()
    try:
        connection.send_packed_command([b"".join(packed)])
        # Killed halfway, the connection closes itself: no reply is left for the next who takes it.
        return [reply_or_error(connection) for _ in packed]
    finally:
        client.connection_pool.release(connection)


def raw_results(client: redis.Redis, commands: Iterable[tuple[str, ...]]) -> list[Any]:
    """As `raw_replies`, but an error is raised once all replies are there."""
    replies = raw_replies(client, commands)
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def reply_or_error(connection: Any) -> Any:
    """The next reply on *connection*; an error that Redis answers with is a value here."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
