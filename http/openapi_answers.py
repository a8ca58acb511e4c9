"""Answers of an operation: what it gives, and the refusals that it may meet, by status."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from http import HTTPStatus

from ..protocol.problems import Problem
from .codes import CODES
from .openapi_schemas import Json, Schemas
from .operations import Access, Operation, refusals_of
from .problems import CONTENT_TYPE

#: Headers of answers, by the name that they are referred to with.
HEADERS: Json = {
    "X-Request-Id": {
        "description": "Names the request in what is logged of it.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "required": True,
        "description": "Tells this state from every other one.",
        "schema": {"type": "string"},
    },
    "Idempotent-Replayed": {
        "description": "Where it was done before, and this is the answer of then.",
        "schema": {"const": "true"},
    },
    "WWW-Authenticate": {
        "required": True,
        "description": "How to be known: by a bearer token.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "required": True,
        "description": "Seconds to wait before it is worth another try.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Location": {
        "required": True,
        "description": "Where to go on.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "The quota that the request was counted under, and its window in seconds.",
        "schema": {"type": "string", "examples": ['"orders";q=20;w=2']},
    },
    "RateLimit": {
        "description": "What is left of that quota, and in how many seconds it is whole again.",
        "schema": {"type": "string", "examples": ['"orders";r=17;t=1']},
    },
    "Server-Timing": {
        "description": "For who is signed in: what it took, in ms, and parts of it.",
        "schema": {"type": "string", "examples": ["trade;dur=0.9, app;dur=1.4"]},
    },
    "Link": {
        "description": 'Of what is not JSON: where the rest is (`rel="next"`), if there is more.',
        "schema": {"type": "string"},
    },
}
#: Of every answer; those of quotas only where one counts, times only for who is signed in.
_ALWAYS = ("X-Request-Id", "RateLimit-Policy", "RateLimit", "Server-Timing")
_COMES_AGAIN = frozenset({429, 503})


def responses(operation: Operation, method: str, parts: Collection[str], schemas: Schemas) -> Json:
    """All answers to *method* by status; *parts* are the variable parts of the path."""
    found = {status: _answer(operation, status, schemas) for status in operation.answers}
    if operation.tagged:
        found[304] = _said("Nothing has changed", ("ETag",))
    by_status = defaultdict(list)
    for code in refusals_of(operation, method, parts):
        by_status[CODES[code][0]].append(code)
    for status, codes in by_status.items():
        refused = _refused(operation, status, codes, schemas)
        content = found.get(status, {}).get("content", {}) | refused["content"]
        found[status] = refused | {"content": content}
    return {str(status): found[status] for status in sorted(found)}


def _answer(operation: Operation, status: int, schemas: Schemas) -> Json:
    kind, by_admin = operation.answers[status], operation.access is Access.ADMIN
    due = {
        "ETag": operation.shows_version(status),
        # What an admin changes from a version is known again by that.
        "Idempotent-Replayed": operation.keyed or (operation.guarded and by_admin),
        "Location": 300 <= status < 400,
        "Link": bool(_also(operation, status)),
    }
    said = _said(HTTPStatus(status).phrase, [name for name, here in due.items() if here])
    if kind is not None:
        others = {other: {"schema": {"type": "string"}} for other in _also(operation, status)}
        said["content"] = {"application/json": {"schema": schemas.of(kind)}} | others
    return said


def _also(operation: Operation, status: int) -> tuple[str, ...]:
    return operation.also if status == HTTPStatus.OK else ()


def _refused(operation: Operation, status: int, codes: list[str], schemas: Schemas) -> Json:
    due = {
        "WWW-Authenticate": status == HTTPStatus.UNAUTHORIZED,
        # What a health path says of itself with 503 is no refusal.
        "Retry-After": status in _COMES_AGAIN and status not in operation.answers,
    }
    words = "\n".join(f"* `{code}`: {CODES[code][1]}" for code in codes)
    said = _said(words, [name for name, here in due.items() if here])
    narrowed = {"code": {"enum": codes}, "status": {"const": status}}
    schema = schemas.of(Problem) | {"properties": narrowed}
    return said | {"content": {CONTENT_TYPE: {"schema": schema}}}


def _said(words: str, headers: Collection[str]) -> Json:
    refs = {name: {"$ref": f"#/components/headers/{name}"} for name in (*_ALWAYS, *headers)}
    return {"description": words, "headers": refs}
