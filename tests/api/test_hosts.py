"""By which names a listener is asked for: those of ours, and no page's that leads here."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.http.api import create_app
from touchline.http.hosts import ANY, Hosts, hosts_of
from touchline.http.outside import Outside
from touchline.http.serve import HttpServer

from tests.api.conftest import Api

OURS = hosts_of(("https://exchange.example", "http://127.0.0.1:8080"), ("api.internal",))
ALONE = hosts_of(("http://127.0.0.1:8080",), health_too=True)
HEALTH = ("/healthz", "/readyz", "/metrics", "/supervisor", "/supervisor/page.js")
LABEL = st.from_regex(r"\A[a-z]([a-z0-9-]{0,10}[a-z0-9])?\Z")


@pytest.mark.parametrize(
    "host",
    [
        "exchange.example",
        "Exchange.Example",
        "exchange.example:443",
        "exchange.example.",
        "api.internal:8080",
        "localhost:8080",
        "10.0.3.7:8080",
        "[::1]:8080",
        "[fd00::7]",
        "",
    ],
)
def test_our_names_and_addresses_are_known(host: str) -> None:
    assert OURS.knows(host, "/v1/orders")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "exchange.example.evil.example",
        "evil.exchange.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8080",
        "evil.example.",
        "exchange.example@evil.example",
        "exchange",
        "[evil.example]",
        "exchange.example, evil.example",
        "0x7f.1",
        " ",
    ],
)
def test_no_other_name_is_known_wherever_it_leads(host: str) -> None:
    assert not OURS.knows(host, "/v1/orders")
    assert ANY.knows(host, "/v1/orders")


@given(st.lists(LABEL, min_size=1, max_size=4), st.integers(0, 70_000))
def test_a_name_is_known_if_it_is_on_the_list(labels: list[str], port: int) -> None:
    name = ".".join(labels)

    assert OURS.knows(f"{name}:{port}", "/") == (name in OURS.names or name == "localhost")


@pytest.mark.parametrize("path", HEALTH)
def test_probes_come_by_any_name_but_where_only_this_machine_can(path: str) -> None:
    assert OURS.knows("pod-7.internal", path)
    assert not ALONE.knows("evil.example", path)
    assert ALONE.knows("127.0.0.1:8080", path)
    assert OURS.knows("evil.example", path)
    assert not OURS.knows("evil.example", "/v1/status")


@contextmanager
def served(api: Api, hosts: Hosts) -> Iterator[HttpServer]:
    server = HttpServer("127.0.0.1", 0, create_app(api.deps), outside=Outside(hosts=hosts))
    server.start()
    yield server
    server.stop(0)


def ask(server: HttpServer, host: str | None, path: str, body: bytes = b"") -> bytes:
    """All of the answer to a request that names *host*; None: none, as HTTP/1.0 may."""
    named = b"" if host is None else f"Host: {host}\r\n".encode()
    version = b"1.0" if host is None else b"1.1"
    head = b"POST " if body else b"GET "
    length = f"Content-Length: {len(body)}\r\n".encode() if body else b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(
            head + path.encode() + b" HTTP/" + version + b"\r\n" + named + length
            + b"Content-Type: application/json\r\nConnection: close\r\n\r\n" + body
        )  # fmt: skip
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_a_page_whose_name_leads_here_gets_nothing_and_changes_nothing(api: Api) -> None:
    sign_in = b'{"email": "eve@example.com"}'
    before = api.stored()

    with served(api, ALONE) as server:
        read = ask(server, "evil.example", "/v1/instruments")
        sent = ask(server, "evil.example", "/v1/auth/dev-login", sign_in)
        page = ask(server, "evil.example", "/")
        tree = ask(server, "evil.example", "/supervisor")
        unchanged = api.stored() == before
        own = ask(server, "localhost", "/v1/auth/dev-login", sign_in)

    for answer in (read, sent, page, tree):
        assert answer.startswith(b"HTTP/1.1 421 Misdirected Request\r\n")
        assert b'"code":"HOST_UNKNOWN"' in answer
        assert b"X-Request-Id: " in answer
    assert unchanged
    assert own.startswith(b"HTTP/1.1 200 ")


def test_probes_and_old_clients_are_answered(api: Api) -> None:
    with served(api, OURS) as server:
        answers: list[Any] = [
            ask(server, "10.1.2.3:8080", "/healthz"),
            ask(server, "api-1", "/healthz"),
            ask(server, "api-1:8080", "/metrics"),
            ask(server, None, "/healthz"),
            ask(server, "10.1.2.3", "/v1/status"),
        ]

    assert [answer.split(b" ")[1] for answer in answers] == [b"200"] * 5
