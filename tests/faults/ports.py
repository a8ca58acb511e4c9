"""Ports for processes that do not choose their own."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

#: Below the kernel's own choices: a client's end of some connection must not take the port of
#: a service while that is being restarted.
RANGE = range(12_000, 32_000)


def free_ports(count: int) -> tuple[int, ...]:
    """As many ports of 127.0.0.1 that were free a moment ago."""
    found: list[int] = []
    for port in random.sample(RANGE, len(RANGE)):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            break
    return tuple(found)
