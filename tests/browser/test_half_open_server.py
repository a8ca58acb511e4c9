"""The page gives a server that hangs as much time as touchline.client does, and tries again."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha1
from threading import Thread

import pytest
from selenium import webdriver
from touchline.client.stream import OPEN_S, Patience
from touchline.client.tickets import TIMEOUT_S

from tests.browser.conftest import wait
from tests.running import Up

#: Connects to a server by a ticket of the test's own. Waits of 10 s and more take a hundredth.
CONNECT = """
const [url, done] = arguments;
const [fetched, later] = [window.fetch, window.setTimeout];
window.told = [];
window.fetch = (path, ...rest) => {
  if (path !== "/v1/ws-token") return fetched(path, ...rest);
  window.told.push("asked");
  const ticket = new Response(JSON.stringify({ token: "any", url }), { status: 201 });
  return url ? Promise.resolve(ticket) : new Promise(() => {});
};
window.setTimeout = (work, ms) => {
  if (ms < 10_000) return later(work, ms);
  window.told.push(ms);
  return later(work, ms / 100);
};
import("/web/socket.js").then(({ Live }) => {
  window.live = new Live(["price:*"], () => {}, (state) => window.told.push(state));
  done();
});
"""
ANSWER_MS = int(OPEN_S * 1000)
SILENCE_MS = int(Patience().silence_s * 1000)


@pytest.fixture
def page(up: Up, browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})  # that server is not the page's
    browser.get(up.api)
    browser.set_script_timeout(30)
    yield browser
    browser.execute_script("window.live.close()")
    browser.get("about:blank")
    browser.get_log("browser")  # the browser complains of each handshake that is broken off


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener


def upgrade_all(listener: socket.socket) -> None:
    """Answer every handshake, and nothing else ever."""
    kept = []  # else it is closed
    while True:
        try:
            link, _ = listener.accept()
        except OSError:
            return
        kept.append(link)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += link.recv(4096)
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        key = fields["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = b64encode(sha1(key.encode()).digest()).decode()  # RFC 6455 has it so
        answer = (
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept}",
            "Sec-WebSocket-Protocol: touchline.v1",
        )
        link.sendall("\r\n".join((*answer, "", "")).encode())


def told(page: webdriver.Chrome, url: str | None) -> list[str | int]:
    """What the page does, until it is at its second attempt."""
    page.execute_async_script(CONNECT, url)
    wait(page, lambda: page.execute_script("return window.told").count("asked") >= 2)
    said: list[str | int] = page.execute_script("return window.told")
    return said[: said.index("offline") + 2]


def url_of(listener: socket.socket) -> str:
    return f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"


def test_the_page_gives_up_a_ticket_that_never_comes(page: webdriver.Chrome) -> None:
    assert told(page, None) == ["connecting", ANSWER_MS, "asked", "offline", "connecting"]
    assert ANSWER_MS == TIMEOUT_S * 1000


def test_the_page_gives_up_a_handshake_that_is_not_answered(
    page: webdriver.Chrome, listener: socket.socket
) -> None:
    """The kernel takes the connection; nobody reads it."""
    steps = ["connecting", ANSWER_MS, "asked", ANSWER_MS, "offline", "connecting"]

    assert told(page, url_of(listener)) == steps


def test_the_page_gives_up_a_connection_on_which_nothing_is_ever_said(
    page: webdriver.Chrome, listener: socket.socket
) -> None:
    Thread(target=upgrade_all, args=[listener], daemon=True).start()
    steps = ["connecting", ANSWER_MS, "asked", ANSWER_MS, SILENCE_MS, "offline", "connecting"]

    assert told(page, url_of(listener)) == steps
