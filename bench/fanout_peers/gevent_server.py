"""gevent-websocket as it is meant: a greenlet a client, and a loop of `send`. … PORT"""

# ruff: noqa: E402 — everything imported below must find the patched modules
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import sys
from collections import defaultdict
from typing import Any

from gevent.pywsgi import WSGIServer
from geventwebsocket.exceptions import WebSocketError
from geventwebsocket.handler import WebSocketHandler

listeners: defaultdict[str, set[Any]] = defaultdict(set)


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    socket, path = environ["wsgi.websocket"], environ["PATH_INFO"]
    if path == "/publish":
        while (message := socket.receive()) is not None:
            publish(message)
        return []
    channels = path[5:].split(",")
    for channel in channels:
        listeners[channel].add(socket)
    try:
        while socket.receive() is not None:
            pass
    finally:
        for channel in channels:
            listeners[channel].discard(socket)
    return []


def publish(message: str) -> None:
    channel, _, payload = message.partition(" ")
    for socket in tuple(listeners[channel]):
        try:
            socket.send(payload)
        except WebSocketError:
            listeners[channel].discard(socket)


WSGIServer(
    ("127.0.0.1", int(sys.argv[1])),
    application,
    backlog=1024,
    handler_class=WebSocketHandler,
    log=None,
    error_log=None,
).serve_forever()
