"""What the tests of whole services share."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from touchline.http.keys import new_keypair
from touchline.store.embedded import Embedded


@pytest.fixture
def keypair() -> tuple[str, str]:
    """Signing and verifying key."""
    return new_keypair()


@pytest.fixture
def private_key(keypair: tuple[str, str]) -> str:
    """What signs; only an api-server may have it in its environment."""
    return keypair[0]


@pytest.fixture
def environment(tmp_path: Path, keypair: tuple[str, str]) -> Iterator[dict[str, str]]:
    """The settings that all services share, with servers of the test's own."""
    with Embedded(tmp_path / "servers", fsync=False) as servers:
        yield {
            "REDIS_URL": servers.redis_url,
            "DATABASE_URL": servers.database_url,
            "BIND_ADDRESS": "127.0.0.1",
            "JWT_PUBLIC_KEYS": keypair[1],
        }


@pytest.fixture
def free_ports() -> tuple[int, ...]:
    """Four ports that were free a moment ago."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(4)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(probe.getsockname()[1] for probe in probes)


@pytest.fixture
def free_port(free_ports: tuple[int, ...]) -> int:
    """One of them."""
    return free_ports[0]
