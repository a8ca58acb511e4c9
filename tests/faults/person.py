"""A user as the exchange meets one: HTTP requests to one api-server, and a WebSocket."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gevent
from websockets.sync.client import ClientConnection, connect

from .process import ANSWER_S, request


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, refusals too; *replayed* if it repeats that of an earlier request."""

    status: int
    body: Any
    replayed: bool


@dataclass(frozen=True, slots=True)
class Push:
    """An update of the portfolio."""

    event: str
    data: Any


class Person:
    """A signed-in user of the api-server at *api*."""

    def __init__(self, name: str, api: str) -> None:
        answer = request(f"{api}/v1/auth/dev-login", {"email": f"{name}@example.com"})
        self.id = int(answer["user"]["id"])
        self.api = api
        self.access_token = str(answer["access_token"])
        self._bearer = f"Bearer {self.access_token}"
        self._name, self._opened = name, 0

    # -- over HTTP

    def ask(
        self, method: str, path: str, body: object = None, *, at: str = "", **headers: str
    ) -> Said:
        """One request, to the api-server *at* if that is given."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given |= {"Content-Type": "application/json", "Authorization": self._bearer}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request((at or self.api) + path, data, given, method=method)
        try:
            answer = urllib.request.urlopen(asked, timeout=ANSWER_S)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            replayed = answer.headers.get("Idempotent-Replayed") == "true"
            return Said(answer.status, json.loads(answer.read()), replayed)

    def buys(self, club: int) -> str:
        """The id of a trade of a hundredth of a share."""
        self._opened += 1
        body = {"instrument": club, "side": "buy", "quantity": "0.010"}
        key = f"{self._name}-{self._opened}"
        said = self.ask("POST", "/v1/orders", body, Idempotency_Key=key)
        assert said.status == 201, said
        return str(said.body["order_id"])

    def opens(self, club: int, **stops: dict[str, str]) -> str:
        """The id of a new long of one share."""
        self._opened += 1
        body = {"instrument": club, "side": "long", "quantity": "1.000", "leverage": 2, **stops}
        key = f"{self._name}-{self._opened}"
        said = self.ask("POST", "/v1/positions", body, Idempotency_Key=key)
        assert said.status == 201, said
        return str(said.body["position"]["position_id"])

    def position(self, position_id: str) -> Any:
        return self.ask("GET", f"/v1/positions/{position_id}").body

    def is_closed(self, position_id: str) -> bool:
        return bool(self.position(position_id)["status"] == "closed")

    def account(self) -> Any:
        return self.ask("GET", "/v1/account").body

    # -- over the WebSocket

    def ticket(self) -> str:
        """The address that opens one WebSocket, within a minute."""
        ticket = self.ask("POST", "/v1/ws-token", {}).body
        return f"{ticket['url']}?token={ticket['token']}"

    @contextmanager
    def follows(self, ticket: str) -> Iterator[list[Push]]:
        """Follow the portfolio; yield what is pushed, which goes on to grow, from its snapshot on.

        Nobody else has the user present, so this is a return.
        """
        pushed: list[Push] = []
        with connect(ticket, max_queue=None) as socket:
            socket.send(json.dumps({"op": "subscribe", "id": 1, "channels": ["portfolio"]}))
            while json.loads(socket.recv(ANSWER_S))["op"] != "snapshot":
                pass
            listening = gevent.spawn(_listen, socket, pushed)
            try:
                yield pushed
            finally:
                listening.kill()


def _listen(socket: ClientConnection, pushed: list[Push]) -> None:
    for raw in socket:
        frame = json.loads(raw)
        if frame["op"] == "update" and frame["channel"] == "portfolio":
            pushed.append(Push(frame["event"], frame["data"]))
