"""Whose word counts for who asks: that of the proxies that are ours, and nobody else's."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from touchline.http.api import create_app
from touchline.http.outside import DIRECT, HOPS, Outside
from touchline.http.serve import HttpServer

from tests.api.conftest import Api

OURS = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
BEHIND = Outside(OURS)

ADDRESSES = st.ip_addresses()
PROXIES = st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="fd00::/8")
#: What a client may put into the header: addresses, ours too, and nonsense.
CLAIMS = st.lists(ADDRESSES.map(str) | PROXIES.map(str) | st.text(max_size=12), max_size=6)


def is_ours(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in OURS)


def plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return str(getattr(address, "ipv4_mapped", None) or address)


@given(ADDRESSES, CLAIMS)
def test_nobody_is_believed_who_is_not_one_of_ours(
    peer: ipaddress.IPv4Address | ipaddress.IPv6Address, claims: list[str]
) -> None:
    assume(not is_ours(peer))

    assert BEHIND.client(str(peer), ",".join(claims)) == plain(peer)
    assert DIRECT.client(str(peer), ",".join(claims)) == str(peer)


@given(CLAIMS, ADDRESSES, st.lists(PROXIES, min_size=1, max_size=HOPS))
def test_behind_our_proxies_the_client_is_who_spoke_to_the_first_of_them(
    claims: list[str],
    client: ipaddress.IPv4Address | ipaddress.IPv6Address,
    proxies: list[ipaddress.IPv4Address | ipaddress.IPv6Address],
) -> None:
    """Each proxy adds whom it heard; what the client had put there before counts for nothing."""
    assume(not is_ours(client))
    *others, peer = proxies
    header = ", ".join([*claims, str(client), *map(str, others)])

    assert BEHIND.client(str(peer), header) == plain(client)


SCHEMES = st.sampled_from(["http", "https", "HTTPS ", "", "wss", "ftp"])


@given(ADDRESSES, CLAIMS, SCHEMES)
def test_no_stranger_says_by_what_we_were_reached(
    peer: ipaddress.IPv4Address | ipaddress.IPv6Address, claims: list[str], scheme: str
) -> None:
    assume(not is_ours(peer))

    assert BEHIND.scheme(str(peer), ",".join(claims), scheme) == "http"
    assert DIRECT.scheme(str(peer), ",".join(claims), scheme) == "http"


@given(
    st.lists(SCHEMES, max_size=3),
    ADDRESSES,
    st.lists(st.tuples(PROXIES, st.sampled_from(["http", "https"])), min_size=1, max_size=4),
)
def test_by_what_we_were_reached_is_what_the_first_of_our_proxies_heard(
    claims: list[str],
    client: ipaddress.IPv4Address | ipaddress.IPv6Address,
    proxies: list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, str]],
) -> None:
    """Each adds what it was reached by; what the client had put there before counts for nothing."""
    assume(not is_ours(client))
    *others, (peer, _) = proxies
    hops = ", ".join([str(client), *(str(address) for address, _ in others)])
    heard = ", ".join([*claims, *(scheme for _, scheme in proxies)])

    assert BEHIND.scheme(str(peer), hops, heard) == proxies[0][1]


def test_a_proxy_that_says_it_in_place_of_others_is_believed() -> None:
    assert BEHIND.scheme("10.0.0.1", "198.51.100.7, 10.0.0.2", "https") == "https"
    assert BEHIND.scheme("10.0.0.1", "", "https") == "https"
    assert BEHIND.scheme("10.0.0.1", "198.51.100.7", "http") == "http"


@given(ADDRESSES | PROXIES, st.text(max_size=200))
def test_no_header_breaks_anything_or_makes_up_what_is_no_address(
    peer: ipaddress.IPv4Address | ipaddress.IPv6Address, header: str
) -> None:
    assert ipaddress.ip_address(BEHIND.client(str(peer), header))


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("", "10.0.0.1"),
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, unknown", "10.0.0.1"),
        ("198.51.100.7, 10.9.9.9", "198.51.100.7"),
        ("10.1.1.1, 10.9.9.9", "10.1.1.1"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
    ],
)
def test_a_header_of_our_proxy_is_read(header: str, client: str) -> None:
    assert BEHIND.client("10.0.0.1", header) == client


def test_a_peer_without_an_address_is_left_as_it_is() -> None:
    assert BEHIND.client("", "198.51.100.7") == ""


def answer_to(api: Api, outside: Outside, request: str, *headers: str, body: str = "") -> bytes:
    """What a server that is reached like that answers to a request with these *headers*."""
    lines = [
        f"{request} HTTP/1.1",
        "Host: here",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    with (
        served(api, outside) as server,
        socket.create_connection(("127.0.0.1", server.port)) as sock,
    ):
        sock.sendall(("\r\n".join([*lines, "", ""]) + body).encode())
        return b"".join(iter(lambda: sock.recv(65_536), b""))


@contextmanager
def served(api: Api, outside: Outside) -> Iterator[HttpServer]:
    server = HttpServer("127.0.0.1", 0, create_app(api.deps), outside=outside)
    server.start()
    yield server
    server.stop(1.0)


LOOPBACK = Outside((ipaddress.ip_network("127.0.0.0/8"),))
SIGN_IN = '{"email": "ada@example.com"}'


@pytest.mark.parametrize(("outside", "stored"), [(LOOPBACK, "198.51.100.7"), (DIRECT, "127.0.0.1")])
def test_a_session_has_the_address_of_who_began_it(api: Api, outside: Outside, stored: str) -> None:
    answer = answer_to(
        api,
        outside,
        "POST /v1/auth/dev-login",
        "Content-Type: application/json",
        "X-Forwarded-For: 203.0.113.9, 198.51.100.7",
        body=SIGN_IN,
    )

    assert answer.startswith(b"HTTP/1.1 200")
    with api.pg.transaction() as cursor:
        cursor.execute("SELECT host(ip) FROM sessions")
        assert cursor.fetchall() == [(stored,)]


@pytest.mark.parametrize(
    ("outside", "origin", "status"),
    [
        (LOOPBACK, "https://here", b"401"),
        (LOOPBACK, "http://here", b"403"),
        (DIRECT, "https://here", b"403"),
        (DIRECT, "http://here", b"401"),
    ],
)
def test_our_page_behind_a_proxy_that_ends_tls_is_ours(
    api: Api, outside: Outside, origin: str, status: bytes
) -> None:
    answer = answer_to(
        api,
        outside,
        "POST /v1/ws-token",
        "X-Forwarded-For: 198.51.100.7",
        "X-Forwarded-Proto: https",
        f"Origin: {origin}",
    )

    assert answer.startswith(b"HTTP/1.1 " + status)


def test_a_proxy_that_was_forgotten_is_named_once(api: Api) -> None:
    server = HttpServer("127.0.0.1", 0, create_app(api.deps), outside=BEHIND)

    with capture_logs() as lines:
        for _ in range(3):
            assert server.client("192.0.2.1", "198.51.100.7") == "192.0.2.1"
            assert server.client("10.0.0.1", "198.51.100.7") == "198.51.100.7"

    assert [line["peer"] for line in lines] == ["192.0.2.1"]
