"""Whose pages may use the API: our own, and those of origins that the operator allows.

Every request needs a token that no browser adds by itself, but for the refresh cookie, which is for
our own page alone (http/cookies.py). So this is a second wall: what changes anything is refused to
pages of others before it is looked at.

Source: docs/protocol.md, "Other origins".
"""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Response, request

from .deps import ApiDeps
from .problems import FieldError, Problem, Refuse

_PORTS = {"http": ":80", "https": ":443"}
_HARMLESS = ("GET", "HEAD", "OPTIONS")
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"
)
_ANSWER_HEADERS = (
    "ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After,"
    " Server-Timing, X-Request-Id"
)
PREFLIGHT_S = "7200"  #: how long a browser need not ask again; no browser takes more


def install(app: Flask, deps: ApiDeps) -> None:
    """Have *app* ask where its requests come from, and answer pages of allowed origins."""
    allowed = frozenset(deps.allowed_origins)

    @app.before_request
    def refuse_other_sites() -> Response | None:
        """Answer what browsers ask before a request. Raises Refuse for pages of others."""
        origin = request.headers.get("Origin")
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            if origin not in allowed:
                raise forbidden("may not use the API")
            return _preflight()
        if request.method not in _HARMLESS and not _welcome(origin, allowed, deps.origins):
            raise forbidden("may not change anything")
        return None

    @app.after_request
    def share(response: Response) -> Response:
        if allowed:
            response.vary.add("Origin")
            origin = request.headers.get("Origin")
            if origin in allowed:
                # Without credentials: the token comes in a header, and cookies are not for them.
                response.headers["Access-Control-Allow-Origin"] = origin or ""
                response.headers["Access-Control-Expose-Headers"] = _ANSWER_HEADERS
                response.headers["Timing-Allow-Origin"] = origin or ""
        return response


def is_own(origin: str, origins: Collection[str]) -> bool:
    """Whether *origin* is one of ours: of *origins*, or the one that the request came to."""
    return origin in origins or _plain(origin) == _plain(f"{request.scheme}://{request.host}")


def forbidden(what: str) -> Refuse:
    """The refusal of a page that is not ours, which *what*."""
    error = FieldError("/Origin", f"is an origin that {what}", "header")
    return Refuse(Problem("ORIGIN_FORBIDDEN", f"pages of this origin {what}", (error,)))


def _plain(origin: str) -> str:
    """*origin* as browsers send it: in small letters, without the port that its scheme has."""
    scheme, _, host = origin.lower().partition("://")
    return f"{scheme}://{host.removesuffix(_PORTS.get(scheme, ''))}"


def _welcome(origin: str | None, allowed: Collection[str], origins: Collection[str]) -> bool:
    """Whether a request of this *origin* may change something; None: its client sent none."""
    if origin in allowed or origin in origins:
        return True
    # A client without these headers is no browser of today, and nobody else's page runs in it.
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin is None:
        return site in ("same-origin", "none")
    return is_own(origin, origins) and site != "cross-site"


def _preflight() -> Response:
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
    response.headers["Access-Control-Max-Age"] = PREFLIGHT_S
    return response
