"""`Server-Timing`: how long an answer took us, for who is signed in and wonders where it went.

Nobody else is told, nor anything of a sign-in: how long a refusal took may tell what was compared.

Source: docs/protocol.md, "HTTP".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from flask import Flask, Response, g

T = TypeVar("T")


def install(app: Flask) -> None:
    """Have *app* tell what its answers took. To come before all that may end a request."""

    @app.before_request
    def begin() -> None:
        g.began_s, g.spent_s = time.perf_counter(), {}

    @app.after_request
    def tell(response: Response) -> Response:
        # Of those who are counted as themselves; a token whose session is over is nobody's.
        if g.get("counted") is not None and response.status_code != 401:
            spent_s = {**g.spent_s, "app": time.perf_counter() - g.began_s}
            response.headers["Server-Timing"] = ", ".join(
                f"{part};dur={seconds * 1000:.1f}" for part, seconds in spent_s.items()
            )
        return response


def timed(part: str, work: Callable[[], T]) -> T:
    """What *work* gives; what it takes is told apart, as *part* of the answer's time."""
    began_s = time.perf_counter()
    try:
        return work()
    finally:
        g.spent_s[part] = time.perf_counter() - began_s
