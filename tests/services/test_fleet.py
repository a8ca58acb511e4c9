"""A flusher without a port, as an operator sees it and orders it about through an api-server."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from typing import Any
from urllib.error import HTTPError

import psycopg2

from tests.processes import PATIENCE_S, Process, ask, eventually

OPERATOR = {"email": "op@example.com"}


def grant(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "touchline", "admin", "grant", OPERATOR["email"]],
        env={"PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def named(children: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The child *name* in a tree."""
    for child in children:
        if found := child if child["name"] == name else named(child["children"], name):
            return found
    return None


def api_settings(environment: dict[str, str], key: str, port: int) -> dict[str, str]:
    """The settings of an api-server on *port*."""
    return environment | {
        "API_PORT": str(port),
        "JWT_PRIVATE_KEY": key,
        "WS_PUBLIC_URL": "ws://127.0.0.1:9/ws",
        "SPORTMONKS_URL": "http://127.0.0.1:9/v3/football",
        "SPORTMONKS_TOKEN": "any",
        "AUTH_DEV": "1",
    }


def test_a_flusher_without_a_port_is_seen_and_restarted_from_an_api_server(
    environment: dict[str, str], private_key: str, free_port: int
) -> None:
    api_environment = api_settings(environment, private_key, free_port)
    api = f"http://127.0.0.1:{free_port}"
    with Process("api-server", env=api_environment) as service, Process("flusher", env=environment):

        def flusher() -> dict[str, Any] | None:
            fleet = ask(f"{api}/supervisor", Accept="application/json")["fleet"]
            return next((one for one in fleet if one["service"] == "flusher"), None)

        def up() -> dict[str, Any] | None:
            reported = flusher()
            return reported if reported and reported["report"]["tree"]["children"] else None

        seen = eventually(up, service)
        ask(f"{api}/v1/auth/dev-login", OPERATOR)
        granted = grant(environment)
        token = ask(f"{api}/v1/auth/dev-login", OPERATOR)["access_token"]
        ordered = ask(
            f"{api}/v1/admin/actors/flusher/restart",
            {"replica": seen["replica"]},
            Authorization=f"Bearer {token}",
            Idempotency_Key="once",
        )

        def restarted() -> bool:
            reported = flusher()
            child = named(reported["report"]["tree"]["children"], "flusher") if reported else None
            return child is not None and child["ends"] == {"asked": 1}

        eventually(restarted, service)

    detail = named(seen["report"]["tree"]["children"], "flusher")
    assert detail is not None
    assert {"lag_s", "backlog", "lease"} <= set(detail["detail"])
    assert granted.returncode == 0, granted.stderr
    assert ordered["replica"] == seen["replica"]


def test_an_end_of_a_session_that_redis_was_not_told_of_is_told_by_an_api_server(
    environment: dict[str, str], private_key: str, free_port: int
) -> None:
    api = f"http://127.0.0.1:{free_port}"
    settings = api_settings(environment, private_key, free_port)
    with Process("api-server", env=settings) as service:
        eventually(lambda: ask(f"{api}/healthz"), service)
        given = eventually(
            lambda: ask(f"{api}/v1/auth/dev-login", {"email": "ada@example.com"}), service
        )
        ask(f"{api}/v1/auth/dev-login", OPERATOR)
        grant(environment)
        token = ask(f"{api}/v1/auth/dev-login", OPERATOR)["access_token"]
        with closing(psycopg2.connect(environment["DATABASE_URL"])) as there, there:
            there.cursor().execute(
                "UPDATE sessions SET revoked_at = now() - interval '1 hour' WHERE user_id = %s",
                (given["user"]["id"],),
            )

        def status() -> int:
            try:
                ask(f"{api}/v1/me", Authorization=f"Bearer {given['access_token']}")
            except HTTPError as refused:
                return refused.code
            return 200

        before = status()
        ask(  # its next look would be within a minute
            f"{api}/v1/admin/actors/revocation-teller/restart",
            {},
            Authorization=f"Bearer {token}",
            Idempotency_Key="once",
        )

        eventually(lambda: status() == 401, service)
    assert before == 200


def test_nobody_becomes_an_admin_before_they_have_signed_in(environment: dict[str, str]) -> None:
    with Process("flusher", env=environment):
        refused = eventually(lambda: (said := grant(environment)).stderr.count("\n") and said)

    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
