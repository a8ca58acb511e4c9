"""The services as they run: every line they write is JSON, says whose it is, and has no secret."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg2.extensions import parse_dsn
from touchline.http.keys import new_keypair
from touchline.store.redis_client import open_redis
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests import leaks
from tests.processes import a_match_that_begins_now, ask, asks_for_passwords, eventually
from tests.running import STOP_S

FEED_TOKEN = "feed-s3cr3t-0123456789"
GOOGLE_SECRET = "google-s3cr3t-0123456789"
KEYS = {"timestamp", "level", "event", "service", "replica", "child"}


class Service:
    """One service, and what it writes to stderr."""

    def __init__(self, name: str, env: dict[str, str], *arguments: str) -> None:
        self.lines: list[str] = []
        self.name = name
        leaks.know_settings(env)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "touchline", name, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], **env},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines so far whose event holds *event*."""
        return [line for line in map(json.loads, tuple(self.lines)) if event in line["event"]]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_S)
        self.stop_reading()

    def stop_reading(self) -> None:
        """Have all lines of a process that has ended."""
        self._reader.join(STOP_S)


@contextmanager
def running(name: str, env: dict[str, str], *arguments: str) -> Iterator[Service]:
    service = Service(name, env, *arguments)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
        service.process.wait()
        service.stop_reading()
        leaks.heard(service.name, "".join(service.lines))


def pages(url: str) -> str:
    """All that a service shows to whoever reaches its port, where something is named or told."""
    shown = []
    for path in ("healthz", "readyz", "supervisor", "metrics"):
        with urllib.request.urlopen(f"{url}/{path}", timeout=10) as answer:
            shown.append(answer.read().decode())
    return "\n".join(shown)


def status(url: str, body: object = None, **headers: str) -> int:
    """The status of a request that is refused."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(url, body, **headers)
    return refused.value.code


def knock(url: str) -> int:
    """The status of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        connect(url).__enter__()
    return refused.value.response.status_code


def scrape(url: str) -> dict[str, float]:
    """The sum of each metric's samples."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {family.name: sum(sample.value for sample in family.samples) for family in families}


def careful_url(database_url: str, password: str) -> str:
    known = parse_dsn(database_url)
    host = quote(known["host"], safe="")
    return f"postgresql://careful:{password}@/{known['dbname']}?host={host}"


def test_services_under_use_and_outage_write_json_without_secrets_and_answer_scrapes(
    environment: dict[str, str], private_key: str, tmp_path: Path, free_ports: tuple[int, ...]
) -> None:
    api_port, ws_port, flusher_port, feed_port = map(str, free_ports)
    cup = a_match_that_begins_now(tmp_path / "cup.json")
    api_origin = f"http://127.0.0.1:{api_port}"
    api_env = environment | {
        "API_PORT": api_port,
        "JWT_PRIVATE_KEY": private_key,
        "WS_PUBLIC_URL": f"ws://127.0.0.1:{ws_port}/ws",
        "SPORTMONKS_URL": f"http://127.0.0.1:{feed_port}/v3/football",
        "SPORTMONKS_TOKEN": FEED_TOKEN,
        "AUTH_DEV": "1",
        "INPLAY_DELAY_MS": "0",
        "GOOGLE_CLIENT_IDS": "page.apps.example",
        "GOOGLE_CLIENT_SECRET": GOOGLE_SECRET,
        "GOOGLE_KEYS_URL": "http://127.0.0.1:9/keys",  # nobody listens: it complains of that
        "API_PUBLIC_ORIGINS": api_origin,
    }
    ws_env = environment | {"WS_PORT": ws_port, "WS_ALLOWED_ORIGINS": "https://a.example"}
    api, ws = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{ws_port}"
    flush = f"http://127.0.0.1:{flusher_port}"
    with ExitStack() as stack:
        feed = stack.enter_context(
            running("match-server", {}, "--matches", str(cup), "--port", feed_port)
        )
        services = [
            stack.enter_context(running("api-server", api_env)),
            stack.enter_context(running("ws-server", ws_env)),
            stack.enter_context(running("flusher", environment | {"HEALTH_PORT": flusher_port})),
        ]
        for address in (api, ws, flush):
            eventually(lambda url=address: ask(f"{url}/readyz"), *services)
        clubs = eventually(lambda: ask(f"{api}/v1/instruments")["data"], *services)
        secrets = use(api, clubs[0]["idx"])
        spoil_a_club(environment["REDIS_URL"], clubs[0]["idx"])
        assert status(f"{api}/v1/instruments/{clubs[0]['idx']}", X_Request_Id="seen-again") == 500
        shown = "".join(map(pages, (api, ws, flush)))
        feed.stop()
        stop_redis(environment["REDIS_URL"])
        for service in services:
            eventually(lambda one=service: one.said("outage"), *services)
        # Each of them still answers, and has seen that Redis is away.
        for url in (api, ws, flush):
            eventually(lambda url=url: scrape(url)["touchline_dependency_up"] == 1, *services)
        totals = [scrape(url) for url in (api, ws, flush)]
        for service in services:
            service.stop()

    lines = [json.loads(line) for service in services for line in service.lines]
    text = "".join(line for service in services for line in service.lines)
    assert [line for line in lines if not line.keys() >= KEYS] == []
    assert {line["service"] for line in lines} == {"api-server", "ws-server", "flusher"}
    assert len({line["replica"] for line in lines if line["replica"]}) == 3
    (failed,) = services[0].said("request failed")
    assert (failed["request_id"], failed["child"]) == ("seen-again", "api-listener")
    secrets += [FEED_TOKEN, GOOGLE_SECRET, private_key[60:90]]
    assert [secret for secret in secrets if secret in text + shown] == []
    assert list(leaks.secrets_in(text + shown)) == []
    assert totals[0]["touchline_trades"] >= 1
    assert totals[1]["touchline_hub_handshakes"] >= 3
    assert totals[2]["touchline_flush_rows"] >= 1


def use(api: str, idx: int) -> list[str]:
    """Trade, connect, and be refused in every way that holds a secret; return the secrets."""
    signed_in = ask(f"{api}/v1/auth/dev-login", {"email": "a@example.com"})
    token, refresh = signed_in["access_token"], signed_in["refresh_token"]
    cookie = f"touchline_refresh={refresh}; touchline_oauth=the-state-of-a-sign-in"
    bearer, forged = f"Bearer {token}", token[:-12] + "AAAAAAAAAAAA"
    order = {"instrument": idx, "side": "buy", "quantity": "1.000"}
    ask(f"{api}/v1/orders", order, Authorization=bearer, Idempotency_Key="one")
    assert status(f"{api}/v1/me", Authorization=f"Bearer {forged}") == 401
    assert status(f"{api}/v1/me", Authorization="Basic c2VjcmV0OnNlY3JldA==") == 401
    assert status(f"{api}/v1/me?token={token}", Authorization=bearer) == 400
    assert status(f"{api}/v1/auth/refresh?token={refresh}", {}, Cookie=cookie) == 400
    assert status(f"{api}/v1/auth/refresh", {"refresh_token": forged}) == 401
    back = f"{api}/v1/auth/google/callback?code=the-code-of-a-sign-in&state=another-state"
    with urllib.request.urlopen(urllib.request.Request(back, headers={"Cookie": cookie})) as page:
        assert page.url.endswith("/#sign-in=STATE_MISMATCH")
    ticket = ask(f"{api}/v1/ws-token", {}, Authorization=bearer)
    url = f"{ticket['url']}?token={ticket['token']}"
    connect(url).__enter__().close()
    assert knock(url) == 401  # used
    assert knock(f"{ticket['url']}?token={forged}") == 401
    assert parse_qs(urlsplit(url).query)["token"] == [ticket["token"]]
    said = [token, forged, ticket["token"], "c2VjcmV0OnNlY3JldA==", token.split(".")[2]]
    return [*said, refresh, "the-code-of-a-sign-in", "the-state-of-a-sign-in"]


def spoil_a_club(redis_url: str, idx: int) -> None:
    """Make a request meet a bug: a number that is none."""
    client = open_redis(redis_url, role="tests")
    client.hset(f"inst:{idx}", "q", "nonsense")
    client.close()


def stop_redis(redis_url: str) -> None:
    client = open_redis(redis_url, role="tests")
    client.shutdown(nosave=True)
    client.close()


def test_a_database_that_is_away_is_named_without_its_password(
    environment: dict[str, str],
) -> None:
    away = environment | {"DATABASE_URL": "postgresql://careful:hushhush@127.0.0.1:9/d"}

    with running("flusher", away) as flusher:
        eventually(lambda: flusher.said("waiting for a server"))
        flusher.process.kill()
        flusher.process.wait()

    (line,) = flusher.said("waiting for a server")
    assert line.keys() >= KEYS
    assert (line["service"], line["child"], line["server"]) == ("flusher", "main", "postgres")
    assert line["replica"]
    assert "hushhush" not in "".join(flusher.lines)


def test_a_wrong_password_shows_nowhere(environment: dict[str, str]) -> None:
    asks_for_passwords(environment["DATABASE_URL"])
    wrong = careful_url(environment["DATABASE_URL"], "hushhush")

    with running("flusher", environment | {"DATABASE_URL": wrong}) as flusher:
        code = flusher.process.wait(STOP_S)
        flusher.stop_reading()

    assert code == 2
    assert "hushhush" not in "".join(flusher.lines)


def test_a_private_key_that_cannot_be_read_shows_nowhere(
    environment: dict[str, str], private_key: str
) -> None:
    spoilt = private_key.replace("BEGIN PRIVATE", "BEGIN PUBLIC")
    env = environment | {"JWT_PRIVATE_KEY": spoilt, "JWT_PUBLIC_KEYS": new_keypair()[1]}
    env |= {"WS_PUBLIC_URL": "ws://h/ws", "SPORTMONKS_TOKEN": FEED_TOKEN}

    with running("api-server", env) as api:
        code = api.process.wait(STOP_S)
        api.stop_reading()

    assert code == 2
    assert private_key[60:90] not in "".join(api.lines)


def test_a_client_that_does_not_finish_its_request_makes_no_stop_a_forced_one(
    environment: dict[str, str], free_port: int
) -> None:
    env = environment | {"HEALTH_PORT": str(free_port)}

    with running("flusher", env) as flusher:
        eventually(lambda: ask(f"http://127.0.0.1:{free_port}/readyz"))
        with socket.create_connection(("127.0.0.1", free_port)) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{")
            # Answered after it, so the one above is being read by now.
            ask(f"http://127.0.0.1:{free_port}/healthz")
            flusher.stop()

    assert flusher.process.returncode == 0
    assert [
        line["event"] for line in map(json.loads, flusher.lines) if "kill" in line["event"]
    ] == []
