"""The id of a request: in its answer's `X-Request-Id`, and in every line logged meanwhile."""

from __future__ import annotations

import re
import uuid
from typing import Any

HEADER = "X-Request-Id"
_KEY = "touchline.request_id"
#: Ids from outside that are taken over: short and harmless in a log line.
_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(environ: dict[str, Any]) -> str:
    """The id of the request: the client's own if it is harmless, else one made up, once."""
    known: str | None = environ.get(_KEY)
    if known is None:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        known = environ[_KEY] = given if _HARMLESS.fullmatch(given) else uuid.uuid4().hex
    return known
