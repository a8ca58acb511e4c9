"""The stream against a server that does what the test says, over real sockets."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from touchline.client import (
    Changed,
    Connected,
    Disconnected,
    Event,
    HttpTickets,
    Missed,
    Mistaken,
    NoTicket,
    Patience,
    Shown,
    Stream,
    Ticket,
)
from touchline.client.stream import FATAL
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

WELCOME = {"op": "welcome", "conn": "1", "heartbeat_ms": 15000, "max_subscriptions": 200}
Script = Callable[["Client"], None]


class Client:
    """A client as the server's script sees it."""

    def __init__(self, link: ServerConnection) -> None:
        self.link = link

    def say(self, **message: Any) -> None:
        self.link.send(json.dumps(message))

    def asked(self) -> Any:
        return json.loads(self.link.recv(timeout=5.0))

    def welcome(self) -> Any:
        """Let the client in, and grant what it asks for first."""
        self.say(**WELCOME)
        request = self.asked()
        self.say(op="ack", id=request["id"], ok=True)
        return request

    def show(self, channel: str, seq: int, **data: Any) -> None:
        self.say(op="snapshot", channel=channel, epoch=1, seq=seq, data=data)

    def stay(self) -> None:
        """Until the client goes."""
        for _ in self.link:
            pass


@contextmanager
def scripted(*scripts: Script | HTTPStatus, silence_s: float = 5.0) -> Iterator[Stream]:
    """A stream to a server with a script for each connection, or a status for its handshake."""
    waiting = iter(scripts)

    def refuse(link: ServerConnection, request: Request) -> Response | None:
        link.script = next(waiting)  # type: ignore[attr-defined]
        if isinstance(link.script, HTTPStatus):  # type: ignore[attr-defined]
            response = link.respond(link.script, "no")  # type: ignore[attr-defined]
            response.headers["Retry-After"] = "0"
            return response
        return None

    def play(link: ServerConnection) -> None:
        link.script(Client(link))  # type: ignore[attr-defined]

    with serve(
        play, "127.0.0.1", 0, process_request=refuse, subprotocols=["touchline.v1"]
    ) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        patience = Patience(silence_s, first_delay_s=0.01)
        with Stream(lambda: Ticket(address(server), "token"), patience) as stream:
            yield stream
        server.shutdown()
        thread.join()


def address(server: Server) -> str:
    return f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws"


def until(stream: Stream, wanted: type[Event], times: int = 1) -> list[Event]:
    """Events up to the *times*-th of kind *wanted*."""
    events = []
    for event in stream:
        events.append(event)
        times -= isinstance(event, wanted)
        if not times:
            return events
    raise AssertionError(f"ended after {events}")


def test_it_subscribes_tells_and_resumes_on_the_next_connection() -> None:
    asked = []

    def first(client: Client) -> None:
        asked.append(client.welcome())
        client.show("price:7", 4, bid="1")
        client.say(op="update", channel="price:7", seq=9, data={"bid": "2"})
        client.link.close(1012, "retry_ms=20")

    def second(client: Client) -> None:
        asked.append(client.welcome())
        client.say(op="update", channel="price:7", seq=10, data={"bid": "3"})
        client.stay()

    with scripted(first, second) as stream:
        stream.follow("price:7")
        events = until(stream, Changed, 2)
        state = stream.state("price:7")

    lost = events[3]
    assert isinstance(lost, Disconnected)
    assert lost.retry_s >= 0.02
    assert events == [
        Connected("1"),
        Shown("price:7", 1, 4, {"bid": "1"}),
        Changed("price:7", 9, {"bid": "2"}),
        lost,
        Connected("1"),
        Changed("price:7", 10, {"bid": "3"}),
    ]
    assert asked == [
        {"op": "subscribe", "id": 2, "channels": ["price:7"]},
        {"op": "resume", "id": 3, "epoch": 1, "price": {"7": 9}},
    ]
    assert state == {"bid": "3"}


def test_a_gap_in_the_portfolio_is_mended_on_the_same_connection() -> None:
    def play(client: Client) -> None:
        client.welcome()
        client.show("portfolio", 4)
        client.say(op="update", channel="portfolio", seq=6, event="fill", data={})
        assert client.asked()["channels"] == ["portfolio"]
        client.show("portfolio", 6, cash="1")
        client.stay()

    with scripted(play) as stream:
        stream.follow("portfolio")
        assert until(stream, Shown, 2)[1:] == [
            Shown("portfolio", 1, 4, {}),
            Missed("portfolio", 4, 6),
            Shown("portfolio", 1, 6, {"cash": "1"}),
        ]


@pytest.mark.parametrize("status", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNAUTHORIZED])
def test_a_handshake_that_is_refused_for_now_is_tried_again(status: HTTPStatus) -> None:
    with scripted(status, status, lambda client: client.say(**WELCOME)) as stream:
        events = until(stream, Connected)

    assert [type(event) for event in events] == [Disconnected, Disconnected, Connected]


def test_a_handshake_that_is_refused_for_good_ends_the_stream() -> None:
    with scripted(HTTPStatus.FORBIDDEN) as stream, pytest.raises(Mistaken, match="403"):
        until(stream, Connected)


def test_the_stream_ends_for_no_code_that_the_server_does_not_close_with() -> None:
    protocol = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    table = protocol.partition("### Limits and close codes")[2].partition("###")[0]
    rows = re.findall(r"^\| ([0-9, ]+) \|.*\| (.*) \|$", table, re.MULTILINE)
    mistakes = {
        int(code)
        for codes, remedy in rows
        if remedy == "a bug in the client" or remedy.startswith("send ")
        for code in codes.split(",")
    }

    assert mistakes == FATAL


@pytest.mark.parametrize("code", [4400, 1009])
def test_a_close_for_a_mistake_ends_the_stream(code: int) -> None:
    with (
        scripted(lambda client: client.link.close(code, "a bug")) as stream,
        pytest.raises(Mistaken, match="a bug"),
    ):
        until(stream, Connected)


def test_a_server_that_speaks_something_else_ends_the_stream() -> None:
    with (
        scripted(lambda client: client.link.send("<html>")) as stream,
        pytest.raises(Mistaken, match="BAD_MESSAGE"),
    ):
        until(stream, Connected)


def test_a_connection_that_says_nothing_any_more_is_left() -> None:
    def silent(client: Client) -> None:
        client.welcome()
        client.stay()

    with scripted(silent, silent, silence_s=0.2) as stream:
        stream.follow("price:7")
        events = until(stream, Connected, 2)

    assert [type(event) for event in events] == [Connected, Disconnected, Connected]


def test_channels_may_come_and_go_while_it_runs() -> None:
    asked = []

    def play(client: Client) -> None:
        client.say(**WELCOME)
        while len(asked) < 3:
            asked.append(client.asked())
        client.show("portfolio", 1)  # was on its way
        client.show("price:7", 1)
        client.stay()

    shown = []
    with scripted(play) as stream:
        stream.follow("price:7")
        for event in stream:
            if isinstance(event, Connected):
                stream.follow("portfolio", conflated=False)
                stream.leave("portfolio")
                stream.follow()
            if isinstance(event, Shown):
                shown.append(event.channel)
                break

    assert shown == ["price:7"]
    assert asked[1:] == [
        {"op": "subscribe", "id": 3, "channels": ["portfolio"], "conflated": False},
        {"op": "unsubscribe", "id": 4, "channels": ["portfolio"]},
    ]


def test_it_may_be_closed_from_elsewhere() -> None:
    with scripted(lambda client: client.stay()) as stream:
        closer = Thread(target=stream.close)
        closer.start()
        assert [event for event in stream if not isinstance(event, Disconnected)] == []
        closer.join()


def test_no_server_at_all_is_waited_for() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    tries = iter(range(3))

    tickets, patience = (lambda: Ticket(f"ws://127.0.0.1:{port}/ws", "token")), Patience(1, 0.01)
    with Stream(tickets, patience) as stream:
        for event in stream:
            assert isinstance(event, Disconnected)
            if next(tries) == 2:
                break


def test_an_api_server_that_is_away_is_worth_another_try() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = HttpTickets(f"http://127.0.0.1:{nobody.getsockname()[1]}/", lambda: "token")
        with pytest.raises(NoTicket) as refused:
            away()

    assert refused.value.passing
