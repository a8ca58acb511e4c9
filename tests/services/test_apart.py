"""The three services as three processes, over servers they share, as in production."""

from __future__ import annotations

import json
import os
import re
import signal
import socket as socket_module
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
import pytest
from touchline.http.keys import new_keypair
from touchline.store.embedded import Embedded
from websockets.sync.client import connect

from tests.running import STOP_S

PATIENCE_S = 60.0


class Process:
    """One service; its output is kept, its port read from its own health page."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "touchline", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": os.environ["PATH"], **env},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)


def eventually(seen: Callable[[], Any], *watched: Process) -> Any:
    """What *seen* returns once it is true; OSErrors of a server that starts count as not yet."""
    said = AssertionError(f"not within {PATIENCE_S} s", [one.lines for one in watched])
    with gevent.Timeout(PATIENCE_S, said):
        while True:
            try:
                if value := seen():
                    return value
            except OSError:
                pass
            gevent.sleep(0.05)


def ask(url: str, body: object = None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    with urllib.request.urlopen(urllib.request.Request(url, data, given), timeout=10) as answer:
        return json.loads(answer.read())


def a_match_that_begins_now(path: Path) -> Path:
    now = datetime.now(UTC)
    match = {
        "round": "Final",
        "date": now.strftime("%Y-%m-%d"),
        "time": now.strftime("%H:%M"),
        "team1": "Northgate",
        "team2": "Southport",
        "score": {"ht": [0, 0], "ft": [0, 1]},
    }
    path.write_text(json.dumps({"name": "Today's Cup", "matches": [match]}))
    return path


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    private_key, public_keys = new_keypair()
    with Embedded(tmp_path / "servers", fsync=False) as servers:
        yield {
            "REDIS_URL": servers.redis_url,
            "DATABASE_URL": servers.database_url,
            "BIND_ADDRESS": "127.0.0.1",
            "PRIVATE": private_key,
            "JWT_PUBLIC_KEYS": public_keys,
        }


@pytest.fixture
def free_ports() -> tuple[int, ...]:
    """Four ports that were free a moment ago."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket_module.socket()) for _ in range(4)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(probe.getsockname()[1] for probe in probes)


def test_three_processes_trade_push_and_flush_and_stop_in_order(
    environment: dict[str, str], tmp_path: Path, free_ports: tuple[int, ...]
) -> None:
    api_port, ws_port, flusher_port, feed_port = map(str, free_ports)
    private_key = environment.pop("PRIVATE")
    cup = a_match_that_begins_now(tmp_path / "cup.json")
    api_environment = environment | {
        "API_PORT": api_port,
        "JWT_PRIVATE_KEY": private_key,
        "WS_PUBLIC_URL": f"ws://127.0.0.1:{ws_port}/ws",
        "SPORTMONKS_URL": f"http://127.0.0.1:{feed_port}/v3/football",
        "SPORTMONKS_TOKEN": "any",
        "AUTH_DEV": "1",
    }
    ws_environment = environment | {
        "WS_PORT": ws_port,
        "WS_ALLOWED_ORIGINS": f"http://127.0.0.1:{api_port}",
    }
    api, ws = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{ws_port}"
    flush = f"http://127.0.0.1:{flusher_port}"
    with ExitStack() as stack:
        feed = stack.enter_context(
            Process("match-server", "--matches", str(cup), "--port", feed_port, env={})
        )
        services = [
            stack.enter_context(Process(name, env=env))
            for name, env in (
                ("api-server", api_environment),
                ("ws-server", ws_environment),
                ("flusher", environment | {"HEALTH_PORT": flusher_port}),
            )
        ]
        for address in (api, ws, flush):
            ready = eventually(lambda url=address: ask(f"{url}/readyz"), *services)
            assert ready["status"] == "ready"
        clubs = eventually(lambda: ask(f"{api}/v1/instruments")["data"], *services)
        token = ask(f"{api}/v1/auth/dev-login", {"email": "a@example.com"})["access_token"]
        bearer = f"Bearer {token}"
        ticket = ask(f"{api}/v1/ws-token", {}, Authorization=bearer)
        with connect(f"{ticket['url']}?token={ticket['token']}") as socket:
            socket.send(json.dumps({"op": "subscribe", "id": 1, "channels": ["portfolio"]}))
            order = {"instrument": clubs[0]["idx"], "side": "buy", "quantity": "1.000"}
            filled = ask(f"{api}/v1/orders", order, Authorization=bearer, Idempotency_Key="one")
            pushed = next(
                frame
                for frame in map(json.loads, socket)
                if frame["op"] == "update" and frame["channel"] == "portfolio"
            )
        codes = [service.stop() for service in reversed(services)]
        feed.stop()

    assert (filled["status"], filled["durable"]) == ("filled", "postgres")
    assert pushed["event"] == "fill"
    assert pushed["data"]["order_id"] == filled["order_id"]
    assert codes == [0, 0, 0], [service.lines[-20:] for service in services]
    assert not [line for s in services for line in s.lines if re.search("Traceback|crash", line)]


def test_a_ws_server_with_the_signing_key_in_its_environment_does_not_start(
    environment: dict[str, str],
) -> None:
    private_key = environment.pop("PRIVATE")

    with Process("ws-server", env=environment | {"JWT_PRIVATE_KEY": private_key}) as refused:
        code = refused.process.wait(PATIENCE_S)

    assert code == 2
