"""The bare server of bench/http.py: gevent's pywsgi and a fixed body, nothing else.

python bench/http_bare.py PORT BYTES
"""

# ruff: noqa: E402 — everything imported below must find the patched modules
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gevent.pywsgi import WSGIServer
from trades_exchange import free_port

READY_S = 10.0


@contextmanager
def bare_server(size: int) -> Iterator[tuple[int, int]]:
    """Run it in a process of its own, answering *size* bytes; give its port and pid."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, str(port), str(size)])
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("the bare server did not start")


def serve(port: int, size: int) -> None:
    body = b"x" * size
    headers = [("Content-Type", "application/json"), ("Content-Length", str(size))]

    def answer(environ: object, start_response: object) -> list[bytes]:
        start_response("200 OK", headers)  # type: ignore[operator]
        return [body]

    server = WSGIServer(("127.0.0.1", port), answer, log=None)
    server.init_socket()
    # Without it the second part of each answer waits for the client to acknowledge the first.
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
