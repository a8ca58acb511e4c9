"""websockets: its own `broadcast()`. python websockets_server.py PORT"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict

from websockets.asyncio.server import ServerConnection, broadcast, serve

listeners: defaultdict[str, set[ServerConnection]] = defaultdict(set)


async def handle(connection: ServerConnection) -> None:
    assert connection.request is not None
    path = connection.request.path
    if path == "/publish":
        async for message in connection:
            channel, _, payload = str(message).partition(" ")
            broadcast(listeners[channel], payload)
        return
    channels = path[5:].split(",")
    for channel in channels:
        listeners[channel].add(connection)
    try:
        await connection.wait_closed()
    finally:
        for channel in channels:
            listeners[channel].discard(connection)


async def main() -> None:
    port = int(sys.argv[1])
    async with serve(
        handle, "127.0.0.1", port, compression=None, ping_interval=None, backlog=1024
    ) as server:
        await server.serve_forever()


asyncio.run(main())
