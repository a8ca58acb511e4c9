"""What a route takes and answers, said once at the route: requests are checked by it, and the
OpenAPI document is made from it.

Source: docs/protocol.md, "Requests"; docs/decisions/0035-one-description-of-each-route.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

import msgspec

#: A route's function. Routes of one path and method have one function.
View = TypeVar("View", bound=Callable[..., Any])


class Access(Enum):
    """Who may ask."""

    OPEN = "open"
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
        query: the parameters; without it there are none, and any is refused.
        body: what is sent; without it nothing has to be.
        refusals: codes (keys of CODES) beyond those that follow from everything else here.
        keyed: whether an Idempotency-Key has to be sent.
        tagged: whether answers have an ETag, and are 304 for whoever has them.
        guarded: whether an If-Match has to be sent.
        limit: the quota that it is counted under, where it is not the one of its place.
    """

    answers: Mapping[int, object]
    access: Access = Access.OPEN
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    refusals: tuple[str, ...] = field(default=())
    keyed: bool = False
    tagged: bool = False
    guarded: bool = False
    limit: Limit | None = None

    def __call__(self, view: View) -> View:
        """Say this of *view*; to be used as a decorator, below the one that names the path."""
        vars(view)["operation"] = self
        return view


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What was said of *view*."""
    found = getattr(view, "operation", None)
    return found if isinstance(found, Operation) else None
