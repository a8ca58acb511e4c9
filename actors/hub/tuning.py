"""What the kernel is told about a client's socket."""

from __future__ import annotations

import _socket
import socket

#: With the default (up to 4 MiB) the kernel would hide a client that stopped reading.
SEND_BUFFER_BYTES = 16 * 1024
UNACKNOWLEDGED_MS = 20_000  #: TCP_USER_TIMEOUT: a peer that vanished without a word


def tune(sock: _socket.socket) -> None:
    """Set the options of a client's socket; those of TCP only where it is one."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
