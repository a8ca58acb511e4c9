"""What a route takes and answers, said once at the route: requests are checked by it, and the
OpenAPI document is made from it.

Source: docs/protocol.md, "Requests"; docs/decisions/0035-one-description-of-each-route.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

#: What any route may meet: before it is asked, and when something is broken.
_ANYWHERE = (
    "BAD_REQUEST",
    "VALIDATION",
    "REQUEST_TIMEOUT",
    "BODY_TOO_LARGE",
    "URI_TOO_LONG",
    "HEADERS_TOO_LARGE",
    "HOST_UNKNOWN",
    "RATE_LIMITED",
    "INTERNAL",
    "UNAVAILABLE",
    "CAPACITY",
)
_UNNAMED = ("TOKEN_REQUIRED", "TOKEN_INVALID")
_KEYED = ("IDEMPOTENCY_KEY_REQUIRED", "IDEMPOTENCY_KEY_INVALID", "IDEMPOTENCY_KEY_REUSED")

#: A route's function. Routes of one path and method have one function.
View = TypeVar("View", bound=Callable[..., Any])


class Access(Enum):
    """Who may ask."""

    OPEN = "open"
    EITHER = "either"  #: anybody, but a token is needed for what is about its user
    USER = "user"
    ADMIN = "admin"


class Limit(Enum):
    """Which quota a request is counted under; docs/protocol.md, "Quotas"."""

    ORDERS = "orders"
    READS = "reads"
    SIGN_IN = "sign-in"
    WS_TOKEN = "ws-token"  # noqa: S105 — a name, not a token
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one route takes and answers.

    Attributes:
        answers: the type of the body by status, as msgspec knows types; None where there is none.
        also: types of content, besides JSON, that a 200 has for whoever asks by Accept.
        query: the parameters; without it there are none, and any is refused.
        body: what is sent; without it nothing has to be.
        refusals: codes (keys of CODES) beyond those that follow from everything else here.
        keyed: whether an Idempotency-Key has to be sent.
        tagged: whether answers have an ETag, and are 304 for whoever has them.
        guarded: whether an If-Match has to be sent; answers have an ETag for the next one.
        versioned: whether answers have an ETag all the same, which is a version.
        limit: the quota that it is counted under, where it is not the one of its place.
    """

    answers: Mapping[int, object]
    access: Access = Access.OPEN
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    also: tuple[str, ...] = ()
    refusals: tuple[str, ...] = field(default=())
    keyed: bool = False
    tagged: bool = False
    guarded: bool = False
    versioned: bool = False
    limit: Limit | None = None

    def __call__(self, view: View) -> View:
        """Say this of *view*; to be used as a decorator, below the one that names the path."""
        vars(view)["operation"] = self
        return view

    def shows_version(self, status: int) -> bool:
        """Whether an answer of *status* has an ETag; what has to wait has changed nothing yet."""
        has = self.tagged or self.versioned or self.guarded
        return has and status != HTTPStatus.ACCEPTED


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What was said of *view*."""
    found = getattr(view, "operation", None)
    return found if isinstance(found, Operation) else None


def refusals_of(operation: Operation, method: str, parts: Collection[str] = ()) -> tuple[str, ...]:
    """Every code that *operation* may be refused with under *method*, each once.

    *parts* are the variable parts of its path: what they name may not exist.
    """
    members = msgspec.structs.fields(operation.query) if operation.query else ()
    derived = {
        _UNNAMED: operation.access is not Access.OPEN,
        ("FORBIDDEN",): operation.access is Access.ADMIN,
        ("ORIGIN_FORBIDDEN",): method != "GET",
        ("MALFORMED_JSON", "UNSUPPORTED_MEDIA_TYPE"): operation.body is not None,
        ("CURSOR_INVALID",): any(each.encode_name == "cursor" for each in members),
        ("NOT_FOUND",): bool(parts),
        _KEYED: operation.keyed,
        ("PRECONDITION_REQUIRED", "PRECONDITION_FAILED"): operation.guarded,
    }
    follow = (code for codes, due in derived.items() if due for code in codes)
    return tuple(dict.fromkeys((*_ANYWHERE, *follow, *operation.refusals)))
