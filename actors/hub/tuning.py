"""What the kernel is told about a client's socket."""

from __future__ import annotations

import _socket
import contextlib
import socket
import struct

#: With the default (up to 4 MiB) the kernel would hide a client that stopped reading.
SEND_BUFFER_BYTES = 16 * 1024
UNACKNOWLEDGED_MS = 20_000  #: TCP_USER_TIMEOUT: a peer that vanished without a word


def tune(sock: _socket.socket) -> None:
    """Set the options of a client's socket; those of TCP only where it is one."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


def half_close(sock: _socket.socket) -> None:
    """Send FIN after what was sent; the client's own end is still to be read."""
    # Closing at once would answer bytes still on their way with a reset, and a
    # reset may overtake the close frame.
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


def reset_when_closed(sock: _socket.socket) -> None:
    """Have the end of *sock* be a reset, which frees what the kernel still keeps for the client."""
    linger = struct.pack("ii", 1, 0)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
