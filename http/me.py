"""`PATCH /v1/me`: another display name, other settings.

Source: docs/protocol.md, "The own user".
"""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request

from ..domain.ids import UserId
from ..domain.names import NameFault, display_name
from ..protocol.forms import SAFE_INTEGER
from ..protocol.people import Settings, UserShown
from ..store.users import Unchanged, User
from .answers import json_answer, tagged_answer
from .auth import caller, no_user
from .deps import ApiDeps
from .operations import Access, Operation
from .problems import FieldError, Problem, Refuse
from .sign_in import user_view
from .validate import body, invalid
from .versions import require_if_match

SETTINGS_MAX = 4096  #: bytes of JSON
DEPTH_MAX = 8  #: of objects and arrays within each other


class MeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `PATCH /v1/me`: what is left out stays as it is."""

    display_name: str | msgspec.UnsetType = msgspec.UNSET
    settings: Settings | msgspec.UnsetType = msgspec.UNSET


def me_routes(deps: ApiDeps) -> Blueprint:
    """The route of this file."""
    routes = Blueprint("me", __name__)

    @routes.patch("/v1/me")
    @Operation(
        access=Access.USER,
        body=MeBody,
        answers={200: UserShown},
        refusals=("NAME_TAKEN",),
        guarded=True,
    )
    def change_me() -> Response:
        """Another display name, other settings; what is left out stays as it is."""
        user = UserId(caller(deps).user)
        require_if_match("name the ETag of GET /v1/me that is to be changed")
        wanted = body(MeBody)
        if wanted == MeBody():
            raise invalid("", "give at least one of display_name, settings")
        changed = deps.users.change(
            user, _is_wanted, display_name=_name(wanted), settings=_settings(wanted)
        )
        if isinstance(changed, Unchanged):
            raise _refusal(changed)
        return tagged_answer(user_view(changed))

    return routes


def _name(wanted: MeBody) -> str | None:
    if isinstance(wanted.display_name, msgspec.UnsetType):
        return None
    name = display_name(wanted.display_name)
    if isinstance(name, NameFault):
        raise invalid("/display_name", name.value)
    return name


def _settings(wanted: MeBody) -> str | None:
    if isinstance(wanted.settings, msgspec.UnsetType):
        return None
    _check(wanted.settings, DEPTH_MAX)
    text = msgspec.json.encode(wanted.settings)
    if len(text) > SETTINGS_MAX:
        raise invalid("/settings", f"must be at most {SETTINGS_MAX} bytes of JSON")
    return text.decode()


def _check(value: object, depth: int) -> None:
    """Raise Refuse unless *value* can be kept as it is, and read by everybody."""
    if isinstance(value, int | float) and abs(value) > SAFE_INTEGER:
        raise invalid("/settings", "must not have numbers that not every program keeps exact")
    if not isinstance(value, dict | list):
        return
    if not depth:
        raise invalid("/settings", f"must not be nested more than {DEPTH_MAX} deep")
    for part in value.values() if isinstance(value, dict) else value:
        _check(part, depth - 1)


def _is_wanted(present: User) -> bool:
    """Whether *present* is what the request's If-Match names."""
    shown = json_answer(user_view(present))
    shown.add_etag()
    etag, _ = shown.get_etag()
    return etag is not None and request.if_match.contains(etag)


def _refusal(why: Unchanged) -> Refuse:
    match why:
        case Unchanged.GONE:
            return no_user()
        case Unchanged.TAKEN:
            error = FieldError("/display_name", "is somebody else's, or too much like it")
            return Refuse(Problem("NAME_TAKEN", "choose another name", (error,)))
        case Unchanged.STALE:
            error = FieldError("/If-Match", "is not the present ETag", "header")
            return Refuse(Problem("PRECONDITION_FAILED", "read it again first", (error,)))
