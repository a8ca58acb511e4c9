"""Versions of what can be changed: shown as ETags, and named again by whoever changes it.

Source: docs/protocol.md, "ETag".
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Response, request

from .problems import FieldError, Problem, Refuse
from .validate import invalid

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,15})"')


def require_if_match(detail: str) -> str:
    """The request's If-Match header. Raises Refuse without one; *detail* says what it is to be."""
    given = request.headers.get("If-Match")
    if given is None:
        error = FieldError("/If-Match", "is required", "header")
        told = f"{detail}, so that no change is lost"
        raise Refuse(Problem("PRECONDITION_REQUIRED", told, (error,)))
    if given.strip() == "*":
        # It names no version: whatever somebody else has changed meanwhile would be lost.
        raise invalid("/If-Match", "must be an ETag; * would change what nobody has read", "header")
    return given


def version_wanted(of: str = "a position") -> int:
    """The version, *of* which the ETag is, in the request's If-Match header. Raises Refuse."""
    given = require_if_match("name the version that is to be changed")
    match = _ETAG.fullmatch(given)
    if match is None:
        raise invalid("/If-Match", f'must be the ETag of {of}, such as W/"3"', "header")
    return int(match[1])


def etag(version: int) -> str:
    """The ETag of something whose version is *version*."""
    return f'W/"{version}"'


def with_version(response: Response) -> Response:
    """*response*, whose body has a version, with the ETag to change that by."""
    response.headers["ETag"] = etag(response.get_json()["version"])
    return response


def changed(response: Response, what: str, present: Callable[[], int]) -> Response:
    """*response* to a change of *what*, whose body has its version, with its ETag.

    One to the same request sent again is good for as long as that is the *present* version: who
    asks then must not take for so what somebody else has changed since. Raises Refuse.
    """
    if "Idempotent-Replayed" in response.headers:
        version = present()
        if response.get_json()["version"] != version:
            raise outdated(version, what)
    return with_version(response)


def outdated(version: int, what: str) -> Refuse:
    """A refusal (to raise): the version sent is not *version*, the present one of *what*."""
    error = FieldError("/If-Match", f"is not the present version of {what}", "header")
    detail = f"somebody else has changed {what} since; read it again"
    return Refuse(Problem("PRECONDITION_FAILED", detail, (error,), {"version": version}))
