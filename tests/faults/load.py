"""What clients do while servers and services fail: trade, and listen for the pushes."""

from __future__ import annotations

import json
import urllib.error
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import gevent
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from .process import request

BETWEEN_ORDERS_S = 0.1
AGAIN_S = 0.2  #: before the same thing is tried once more
BOUGHT_MAX = 100
NOT_NOW = frozenset({429, 503})  #: statuses that ask to come again
AWAY = (OSError, HTTPException, WebSocketException)


def watch(name: str, api: str, held_s: float, left_s: float = 0.0) -> None:
    """Hold a WebSocket for a while, leave it for a while, for ever."""
    while True:
        try:
            client = Client(name, api, 1)
        except (*AWAY, ValueError):
            gevent.sleep(1)
            continue
        with gevent.Timeout(held_s, False):
            client.listen()
        gevent.sleep(left_s)


@dataclass
class Client:
    """A signed-in user of one api-server, with an order book of its own memory.

    Args:
        api: base address of the api-server.
        club: index of the instrument it trades.
    """

    name: str
    api: str
    club: int
    filled: dict[str, Any] = field(default_factory=dict)  #: answer by Idempotency-Key
    refused: Counter[str] = field(default_factory=Counter)
    pushed: set[str] = field(default_factory=set)  #: order ids that arrived over the WebSocket
    connected: int = 0  #: times the WebSocket was opened
    asked: int = 0
    bought: int = 0  #: orders that were filled and not sold again
    put_off: int = 0  #: requests that were answered, but not by an outcome
    hung: int = 0  #: requests that were not answered in `ANSWER_S`, not even with a 503

    def __post_init__(self) -> None:
        answer = request(f"{self.api}/v1/auth/dev-login", {"email": f"{self.name}@example.com"})
        self._bearer = f"Bearer {answer['access_token']}"

    def trade(self) -> None:
        """Place small orders, one after the other, for ever."""
        while True:
            self.order()
            gevent.sleep(BETWEEN_ORDERS_S)

    def order(self) -> Any:
        """Place one order and repeat it until it is answered; None if it was refused."""
        self.asked += 1
        key = f"{self.name}-{self.asked}"
        # What it has bought it sells again: faults take many minutes, and its money would not last.
        sells = self.bought >= BOUGHT_MAX
        self.bought -= sells
        side = "sell" if sells else "buy"
        body = {"instrument": self.club, "side": side, "quantity": "0.010"}
        while True:
            try:
                answer = request(
                    f"{self.api}/v1/orders",
                    body,
                    Authorization=self._bearer,
                    Idempotency_Key=key,
                )
            except urllib.error.HTTPError as said:
                if said.code not in NOT_NOW:
                    self.refused[json.loads(said.read())["code"]] += 1
                    return None
                self.put_off += 1
            except TimeoutError:
                self.hung += 1
            except AWAY:
                pass
            else:
                self.filled[key] = answer
                self.bought += not sells
                return answer
            gevent.sleep(AGAIN_S)

    def listen(self) -> None:
        """Note the order id of every push; connect again whenever the connection is lost."""
        while True:
            try:
                self._listen_once()
            except AWAY:
                gevent.sleep(AGAIN_S)

    def _listen_once(self) -> None:
        ticket = request(f"{self.api}/v1/ws-token", {}, Authorization=self._bearer)
        url = f"{ticket['url']}?token={ticket['token']}"
        # Closed while its queue is full it waits for a thread of its own for ever, under gevent.
        with connect(url, max_queue=None) as socket:
            socket.send(json.dumps({"op": "subscribe", "id": 1, "channels": ["portfolio"]}))
            self.connected += 1
            for raw in socket:
                frame = json.loads(raw)
                if frame["op"] == "update" and frame["channel"] == "portfolio":
                    self.pushed.add(frame["data"].get("order_id"))
