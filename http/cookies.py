"""The refresh token of a page: a cookie that no script reads and no other site sends.

Source: docs/decisions/0034-signing-in.md.
"""

from __future__ import annotations

from collections.abc import Collection

from flask import Response, request

from ..domain.sessions import REFRESH_S
from .origins import is_own
from .problems import FieldError, Problem, Refuse

NAME = "touchline_refresh"
PATH = "/v1/auth"  #: the only requests it goes along with


def kept_token(origins: Collection[str]) -> str | None:
    """The refresh token that came as a cookie. Raises Refuse where another site may have sent it.

    *origins* are our own, besides the one that the request came to.

    SameSite keeps it from requests of other sites, but not from those of another port or another
    name of the same site, and an old browser knows none of that.
    """
    token = request.cookies.get(NAME)
    if token is not None:
        _refuse_other_sites(origins)
    return token


def keep_token(response: Response, token: str, *, secure: bool) -> None:
    """Have the browser keep *token*."""
    response.set_cookie(
        NAME, token, REFRESH_S, path=PATH, secure=secure, httponly=True, samesite="Strict"
    )


def forget_token(response: Response, *, secure: bool) -> None:
    """Have the browser forget the token it keeps, if it does."""
    response.delete_cookie(NAME, path=PATH, secure=secure, httponly=True, samesite="Strict")


def _refuse_other_sites(origins: Collection[str]) -> None:
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    # A client without these headers is no browser of today, and nobody else's page runs in it.
    own = origin is None or is_own(origin, origins)
    if not own or site not in ("same-origin", "none"):
        error = FieldError("/Origin", "is not this site", "header")
        raise Refuse(Problem("ORIGIN_FORBIDDEN", "the page's token is for its own site", (error,)))
