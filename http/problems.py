"""Problem details: the one shape of every refusal over HTTP (RFC 9457).

`Problem` is a value until a route raises it inside `Refuse`; `http/errors.py`
turns that into the response. Parts that answer below Flask (the server's own
limits, the WebSocket handshake) render the same value to bytes here.

Source: docs/protocol.md, "Errors".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

import msgspec

from .codes import CODES, TYPE_BASE, TYPES
from .headers import guarded

CONTENT_TYPE = "application/problem+json"

#: Which part of the request a pointer points into.
Place = Literal["body", "query", "path", "header"]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault: a JSON pointer (RFC 6901) into *place*, and what is wrong there."""

    pointer: str
    detail: str
    place: Place = "body"

    def as_dict(self) -> dict[str, str]:
        """The entry of the problem's `errors` list."""
        return {"pointer": self.pointer, "detail": self.detail, "in": self.place}


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal.

    Attributes:
        code: a key of CODES; gives status, type and title.
        detail: what happened this time, for a person.
        errors: the fields at fault, if it was the request's shape or values.
        extensions: further members, already in their client form.
        headers: response headers that belong to the refusal, such as Retry-After.
    """

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    extensions: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> Mapping[str, str]:
        """Those of the refusal; every 401 says how to be known (RFC 9110, 15.5.2)."""
        challenge = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return {**challenge, **self.headers}

    @property
    def status(self) -> int:
        """The HTTP status."""
        return CODES[self.code][0]

    def body(self, instance: str = "", request_id: str = "") -> bytes:
        """The problem as JSON; *instance* is the path asked for, left out where it is empty."""
        status, title = CODES[self.code]
        members: dict[str, object] = {
            "type": TYPES.get(self.code) or TYPE_BASE + self.code.lower().replace("_", "-"),
            "title": title,
            "status": status,
            "detail": self.detail,
        }
        if instance:
            members["instance"] = instance
        members["code"] = self.code
        if request_id:
            members["request_id"] = request_id
        if self.errors:
            members["errors"] = [error.as_dict() for error in self.errors]
        return msgspec.json.encode(members | dict(self.extensions))


class Refuse(Exception):
    """Ends a request with a problem; raised by routes, answered by `http/errors.py`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def status_line(status: int) -> str:
    """The status with its reason, as WSGI wants it: "404 Not Found"."""
    return f"{status} {HTTPStatus(status).phrase}"


def raw_response(
    problem: Problem, instance: str = "", request_id: str = "", *, https: bool = False
) -> bytes:
    """The whole HTTP/1.1 response, for a connection that closes after it."""
    body = problem.body(instance, request_id)
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **problem.headers,
    }
    lines = guarded(headers.items(), https=https)
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"HTTP/1.1 {status_line(problem.status)}\r\n{head}\r\n".encode("latin-1") + body
