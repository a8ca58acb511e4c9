"""The gate: no connection to a Redis that has restarted and has not been put back yet.

Every restart and failover ends all connections and gives Redis another run id.
A gated connection compares that with the noted one once, when it is opened, so
commands cost nothing more and none reaches a Redis whose losses nobody has
looked at. Source: docs/decisions/0009.
"""

import re
from collections.abc import Callable
from typing import Any

import redis
from redis.exceptions import ConnectionError as RedisConnectionError

from ..domain.ids import TREASURY
from .keys import Keys
from .lua import LuaScript

_RUN_ID = re.compile(r"^run_id:(\w+)", re.MULTILINE)
_OPEN = LuaScript("gate_open")


class Rehydrating(RedisConnectionError):
    """Redis has restarted, and what it lost is not back yet: an outage like any other."""


def gate(keys: Keys) -> Callable[[Any], None]:
    """The `on_connect` of `open_redis` that lets nobody in before the run id is noted."""

    def admit(connection: Any) -> None:
        connection.on_connect()
        # Both over this very connection: they are answers of one life of the server.
        connection.send_command("INFO", "server", check_health=False)
        connection.send_command("GET", keys.meta("run_id"), check_health=False)
        info, noted = connection.read_response(), connection.read_response()
        if _run_id(info) != noted:
            raise Rehydrating("Redis has restarted and is being put back")

    return admit


def unnoted_run_id(client: redis.Redis, keys: Keys) -> str | None:
    """The run id of a Redis that has restarted since it was last put back; None if it has not."""
    info: Any = client.info("server")
    run_id = str(info["run_id"])
    return None if client.get(keys.meta("run_id")) == run_id else run_id


def note_run_id(client: redis.Redis, keys: Keys, run_id: str, life: int) -> bool:
    """Open the gate of a Redis complete since it started as *run_id*, if in *life*; whether so."""
    names = [keys.meta("run_id"), keys.wallet(TREASURY)]
    return bool(_OPEN.run(client, names, [run_id, str(life)]))


def forget_run_id(client: redis.Redis, keys: Keys) -> None:
    """Shut the gate for connections to come: Redis has to be put back."""
    client.delete(keys.meta("run_id"))


def _run_id(info: str) -> str:
    found = _RUN_ID.search(info)
    if found is None:
        raise Rehydrating("Redis does not tell its run id")
    return found[1]
