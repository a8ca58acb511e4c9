"""A service that starts in an outage: it can be asked what it waits for, and takes no work."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from typing import Any

from tests.processes import Process, eventually, refusal

AWAY = {
    "REDIS_URL": "redis://127.0.0.1:9/0",
    "DATABASE_URL": "postgresql://u:hush@127.0.0.1:9/d",
    "BIND_ADDRESS": "127.0.0.1",
}


def answer(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url, timeout=10) as given:
            return given.status, json.loads(given.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def test_a_service_that_waits_for_its_servers_says_so_and_is_alive(free_port: int) -> None:
    with Process("flusher", env=AWAY | {"HEALTH_PORT": str(free_port)}) as waiting:
        url = f"http://127.0.0.1:{free_port}"
        status, ready = eventually(
            lambda: (found := answer(f"{url}/readyz"))[1]["why"] and found, waiting
        )
        alive, _ = answer(f"{url}/healthz")
        other, problem = answer(f"{url}/v1/instruments")

    assert (status, ready["status"]) == (503, "starting")
    assert ready["why"]["postgres"].startswith("OperationalError")
    assert "hush" not in str(ready)
    assert alive == 200
    assert (other, problem["code"]) == (503, "UNAVAILABLE")


def test_a_port_that_is_taken_ends_a_service_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        line = refusal("flusher", **(AWAY | {"HEALTH_PORT": port}))

    assert line.startswith(f"touchline: HEALTH_PORT: {port} on 127.0.0.1: Address already in use")
