"""picows: one loop over the listeners of a channel. python picows_server.py PORT"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

listeners: defaultdict[str, set[WSTransport]] = defaultdict(set)


class Subscriber(WSListener):
    def __init__(self, channels: list[str]) -> None:
        self._channels = channels

    def on_ws_connected(self, transport: WSTransport) -> None:
        for channel in self._channels:
            listeners[channel].add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        for channel in self._channels:
            listeners[channel].discard(transport)


class Publisher(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        channel, _, payload = frame.get_payload_as_bytes().partition(b" ")
        for listener in listeners[channel.decode()]:
            listener.send(WSMsgType.TEXT, payload)


def listener_for(request: WSUpgradeRequest) -> WSListener:
    path = request.path.decode()
    return Publisher() if path == "/publish" else Subscriber(path[5:].split(","))


async def main() -> None:
    server = await ws_create_server(listener_for, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())
