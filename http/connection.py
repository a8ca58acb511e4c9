"""One HTTP connection, bounded: idle time, head, body, and how long a client may not read.

pywsgi's own handler waits for ever for all of these, and refuses with pages of
HTML. This one takes the whole body (at most `body_bytes`) before the
application runs, so that a slow sender costs a connection and never a request
in progress; every refusal is a problem document.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pywsgi import Input, WSGIHandler
from structlog.contextvars import bind_contextvars, unbind_contextvars

from .headers import Header, guarded
from .hosts import UNKNOWN
from .problems import CONTENT_TYPE, Problem, raw_response, status_line
from .request_id import HEADER, request_id_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

#: RFC 9112, 5.1: no space before the colon, no line that goes on, no control character.
_HEADER = re.compile(rb"[!#-'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r?\n")
_END = (b"\r\n", b"\n", b"")
MAX_BODY = 64 * 1024  #: largest request body, bytes; docs/protocol.md, "HTTP"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take. Times in seconds, sizes in bytes."""

    connections: int = 4_096
    #: Of one address, unless that is a proxy of ours: nobody alone may take all there are.
    of_one_address: int = 1_024
    idle_s: float = 75.0  #: between requests; longer than the usual balancer's 60 s
    head_s: float = 10.0
    body_s: float = 15.0
    head_bytes: int = 32 * 1024
    body_bytes: int = MAX_BODY
    #: An oversized body is read to here before the refusal: a client that is
    #: still sending when the connection closes never sees the answer.
    drain_bytes: int = 1024 * 1024


class _HeadRefused(ValueError):
    """The head is late (408) or too large (431); pywsgi takes ValueErrors for client errors."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


_HEAD_PROBLEMS = {
    "400": Problem("BAD_REQUEST", "the request line or a header could not be read"),
    "408": Problem("REQUEST_TIMEOUT", "the headers did not arrive in time"),
    "414": Problem("URI_TOO_LONG", "the request line is too long"),
    "431": Problem("HEADERS_TOO_LARGE", "the headers are too large"),
}


class Connection(WSGIHandler):  # type: ignore[misc]  # gevent ships no types
    """pywsgi's handler with limits, taken from `server.limits`."""

    #: A client that stopped reading is as uninteresting as one that went away.
    ignored_socket_errors = (*WSGIHandler.ignored_socket_errors, "timed out")

    idle = True
    refusal: Problem | None = None  #: why the request is not for the application

    def handle(self) -> None:
        """Serve requests until either side closes."""
        # Covers the writes: a client that never reads must not keep us for ever.
        self.socket.settimeout(self.server.limits.idle_s)
        super().handle()

    def hang_up_if_idle(self) -> None:
        """Close the connection unless a request is being answered; that one closes it after."""
        if self.idle and self.socket is not None:
            self.socket.shutdown(socket.SHUT_RD)

    def read_requestline(self) -> str:
        """The next request line; empty, which hangs up, when none came in `idle_s`."""
        line: str = ""
        self.idle = True
        with gevent.Timeout(self.server.limits.idle_s, False):
            line = super().read_requestline()
        self.idle = not line
        return line

    def read_request(self, raw_requestline: str) -> bool:
        """Parse the head within its limits. Raises ValueError for what cannot be served."""
        with gevent.Timeout(self.head_s(), _HeadRefused("408")):
            super().read_request(raw_requestline)
        return True

    def head_s(self) -> float:
        """Seconds that the headers have to follow the request line."""
        return float(self.server.limits.head_s)

    def MessageClass(self, rfile: Any, *args: object) -> Any:  # noqa: N802 — pywsgi's name
        """Parse the headers, reading at most `head_bytes`."""
        headers = super().MessageClass(_Head(rfile, self.server.limits.head_bytes), *args)
        # Before pywsgi forgets a Content-Length that has a Transfer-Encoding beside it.
        _check_framing(headers)
        return headers

    def handle_one_request(self) -> Any:
        """As pywsgi's, with problem documents in place of its own error pages."""
        result = super().handle_one_request()
        if isinstance(result, tuple):
            status = str(result[0])
            self.server.meter.refused(int(status))
            problem = _HEAD_PROBLEMS[status]
            return status, raw_response(problem, https=self.server.outside.https)
        return result

    def handle_one_response(self) -> None:
        """Take the body, then let the application answer; without a body, refuse for it."""
        client = self.environ.get("REMOTE_ADDR", "")
        bind_contextvars(request_id=request_id_of(self.environ), client=client)
        try:
            problem = self._take_body() or self._misdirected()
            if problem is not None:
                self.refusal = problem
                self.application = _Refusing(problem)
                self.close_connection = True
            self._respond()
        finally:
            # The connection's next request has its own.
            unbind_contextvars("request_id", "client")
        if self.server.draining:
            self.close_connection = True

    def get_environ(self) -> dict[str, Any]:
        """As pywsgi's; but who asks, and by what, is what one of our own proxies says of it."""
        environ: dict[str, Any] = super().get_environ()
        said = environ.get("HTTP_X_FORWARDED_FOR")
        scheme = environ.get("HTTP_X_FORWARDED_PROTO")
        if scheme is not None:
            outside, peer = self.server.outside, environ.get("REMOTE_ADDR", "")
            environ["wsgi.url_scheme"] = outside.scheme(peer, said or "", scheme)
        if said is not None:
            environ["REMOTE_ADDR"] = self.server.client(environ.get("REMOTE_ADDR", ""), said)
        return environ

    def start_response(self, status: str, headers: list[Header], exc_info: Any = None) -> Any:
        """As pywsgi's; what an answer does not say to browsers is added, and its request's id."""
        if not status.startswith("101"):
            headers = guarded(headers, https=self.server.outside.https)
            if not any(name == HEADER for name, _ in headers):
                headers.append((HEADER, request_id_of(self.environ)))
        return super().start_response(status, headers, exc_info)

    def _respond(self) -> None:
        self.code, began_at = 0, time.monotonic()
        super().handle_one_response()
        if self.code:  # pywsgi turns it negative where the body may not be written
            self.server.meter.add(abs(self.code), time.monotonic() - began_at)

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes]:
        # pywsgi would print a traceback here for anything it did not expect of
        # a client, which hands every client a pen to our log.
        status = ex.status if isinstance(ex, _HeadRefused) else "400"
        return status, b""

    def _take_body(self) -> Problem | None:
        """Put the whole body in place of the socket; a problem if it cannot be had."""
        sender, limits = self.wsgi_input, self.server.limits
        self._set_input(b"")
        too_large = Problem("BODY_TOO_LARGE", f"at most {limits.body_bytes} bytes are accepted")
        length = self.content_length or 0
        if length > limits.drain_bytes or (length > limits.body_bytes and self._asks_first()):
            return too_large
        try:
            with gevent.Timeout(limits.body_s, TimeoutError):
                body = sender.read(limits.drain_bytes)
        except TimeoutError:
            return Problem("REQUEST_TIMEOUT", "the body did not arrive in time")
        except OSError:
            return Problem("BAD_REQUEST", "the body ended early or is framed wrongly")
        if len(body) > limits.body_bytes:
            return too_large
        self._set_input(body)
        return None

    def _misdirected(self) -> Problem | None:
        host, path = self.environ.get("HTTP_HOST", ""), self.environ["PATH_INFO"]
        return None if self.server.outside.hosts.knows(host, path) else UNKNOWN

    def _asks_first(self) -> bool:
        return bool(self.environ.get("HTTP_EXPECT", "").lower() == "100-continue")

    def _set_input(self, body: bytes) -> None:
        self.wsgi_input = Input(BytesIO(body), len(body))
        self.environ["wsgi.input"] = self.wsgi_input


class _Head:
    """The lines of a head, up to a total of bytes; more, or what is no header, raises _HeadRefused.

    The parser behind it takes such a line for the end of the head, or two headers out of a bare CR:
    a proxy in front could then see a body where we see the next request.
    """

    def __init__(self, rfile: Any, left: int) -> None:
        self._rfile = rfile
        self._left = left

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self._rfile.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise _HeadRefused("431")
        if line not in _END and not _HEADER.fullmatch(line):
            raise _HeadRefused("400")
        return line


class _Refusing:
    """WSGI: the same problem for whatever was asked, and the connection closes."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request_id = request_id_of(environ)
        body = self._problem.body(environ["PATH_INFO"], request_id)
        headers = [
            ("Content-Type", CONTENT_TYPE),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        start_response(status_line(self._problem.status), headers)
        return [body]


def _check_framing(headers: Any) -> None:
    """Raise ValueError where a proxy in front could see another end of the body than we do."""
    codings = headers.get_all("transfer-encoding") or []
    lengths = headers.get_all("content-length") or []
    chunked = [coding.strip().lower() for coding in codings] == ["chunked"]
    counted = len(lengths) == 1 and lengths[0].isascii() and lengths[0].isdecimal()
    # One of the two or none; both is how requests are smuggled past a proxy.
    if (codings and not chunked) or (lengths and not counted) or (codings and lengths):
        raise ValueError("ambiguous framing")
