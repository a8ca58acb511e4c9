"""Successful answers: JSON, pages of a list, and answers a client may already have."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from flask import Response, request

from .problems import FieldError, Problem, Refuse

T = TypeVar("T")

_MAC_BYTES = 12  # 96 bits: a forged cursor shows nothing that the list itself would not


def json_answer(data: object, status: int = 200) -> Response:
    """*data* as JSON."""
    return Response(msgspec.json.encode(data), status, content_type="application/json")


def tagged_answer(data: object) -> Response:
    """*data* as JSON with an ETag; 304 if the client named it in If-None-Match."""
    response = json_answer(data)
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


def page_of(
    rows: Sequence[T], limit: int, view: Callable[[T], object], mark: Callable[[T], str]
) -> dict[str, object]:
    """One page of a list.

    Args:
        rows: what was found when *limit* + 1 rows were asked for.
        mark: the cursor that continues after a row.
    """
    shown, more = rows[:limit], len(rows) > limit
    return {
        "data": [view(row) for row in shown],
        "next_cursor": mark(shown[-1]) if more else None,
        "has_more": more,
    }


class Cursors:
    """Opaque, signed places in a list; no client can make one or use it for another list."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, listing: str, *place: str) -> str:
        """The cursor of *place* (texts without a comma) in the list called *listing*."""
        plain = ",".join(place).encode()
        return urlsafe_b64encode(self._mac(listing, plain) + plain).decode().rstrip("=")

    def read(self, listing: str, cursor: str) -> list[str]:
        """The place that *cursor* stands for. Raises Refuse if *listing* did not issue it."""
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError:
            raw = b""
        mac, plain = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(listing, plain)):
            error = FieldError("/cursor", "is not a next_cursor of this list", "query")
            raise Refuse(Problem("CURSOR_INVALID", "start again without a cursor", (error,)))
        return plain.decode().split(",")

    def _mac(self, listing: str, plain: bytes) -> bytes:
        text = listing.encode() + b"\0" + plain
        return hashlib.blake2b(text, key=self._secret, digest_size=_MAC_BYTES).digest()
