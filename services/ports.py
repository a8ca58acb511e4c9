"""Ports that stay ours while their listeners come and go."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from .data_dir import UpRefused


@contextmanager
def held_port(host: str, wanted: int) -> Iterator[int]:
    """*wanted* if it is free, any free one for 0, until the block ends. Raises UpRefused.

    A socket that is bound and does not listen lets a listener bind beside it, and nobody else:
    between a listener's death and its successor's birth the kernel may otherwise give the port to
    the near end of a connection that somebody makes, for as long as that lasts.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind((host, wanted))
        except OSError as why:
            raise UpRefused(f"port {wanted} on {host}: {why.strerror}") from None
        yield int(holder.getsockname()[1])
