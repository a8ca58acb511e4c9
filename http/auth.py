"""Who is asking, and how people sign in."""

from __future__ import annotations

import uuid
from typing import Annotated

import msgspec
from flask import Blueprint, Response, request

from ..domain.clock import rfc3339
from ..domain.ids import UserId, uuid7
from ..store.commands import CreditCommand
from ..store.users import User
from .answers import json_answer, tagged_answer
from .deps import ApiDeps
from .problems import FieldError, Problem, Refuse
from .tokens import ACCESS_S, WS_S, Claims, TokenRefused
from .validate import body, optional_body

START_BALANCE_E4 = 100_000_000  #: 10,000 coins for a new user; docs/market.md, "Money"

#: An address as browsers check it (HTML's rule for type=email), a length that fits a mailbox.
_EMAIL = r"\A[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z"


class DevLogin(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/auth/dev-login`."""

    email: Annotated[
        str,
        msgspec.Meta(pattern=_EMAIL, max_length=254, description="must be an e-mail address"),
    ]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request that needs none."""


def caller(deps: ApiDeps) -> Claims:
    """The claims of the request's access token. Raises Refuse."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized("TOKEN_REQUIRED", "sign in and send the access token", "Bearer")
    claims = deps.verifier.access(token.strip())
    if isinstance(claims, TokenRefused):
        raise _unauthorized("TOKEN_INVALID", claims.reason, 'Bearer error="invalid_token"')
    return claims


def admin(deps: ApiDeps) -> Claims:
    """The claims of the request's access token, which an admin has to hold. Raises Refuse.

    By the token alone: an operator must be let in while Postgres is what is broken.
    """
    claims = caller(deps)
    if claims.role != "admin":
        error = FieldError("/Authorization", "is not an admin's token", "header")
        raise Refuse(Problem("FORBIDDEN", "this needs the role admin", (error,)))
    return claims


def auth_routes(deps: ApiDeps) -> Blueprint:
    """Sign-in, ws tokens, the own user, and the keys that verify our tokens."""
    routes = Blueprint("auth", __name__)

    @routes.get("/.well-known/jwks.json")
    def jwks() -> Response:
        return tagged_answer(deps.verifier.jwks())

    @routes.post("/v1/ws-token")
    def ws_token() -> Response:
        claims = caller(deps)
        optional_body(Nothing)
        token = deps.signer.ws_token(claims.user, claims.session)
        return json_answer({"token": token, "expires_in": WS_S, "url": deps.ws_url()}, 201)

    @routes.get("/v1/me")
    def me() -> Response:
        user = deps.users.by_id(UserId(caller(deps).user))
        if user is None:
            # A token of another installation, or of a user who was deleted.
            raise _unauthorized("TOKEN_INVALID", "the token's user does not exist", "Bearer")
        return tagged_answer(_view(user))

    if deps.auth_dev:
        routes.add_url_rule(
            "/v1/auth/dev-login", view_func=lambda: _dev_login(deps), methods=["POST"]
        )
    return routes


def _dev_login(deps: ApiDeps) -> Response:
    wanted = body(DevLogin)
    user = deps.users.sign_in(wanted.email)
    if user is None:
        error = FieldError("/email", "belongs to the house")
        raise Refuse(Problem("EMAIL_RESERVED", "choose another address", (error,)))
    if user.status != "active":
        raise Refuse(Problem("ACCOUNT_SUSPENDED", f"the account is {user.status}"))
    _grant_start_balance(deps, user.id)
    token = deps.signer.access_token(user.id, uuid.uuid4().hex, user.role)
    return json_answer({"access_token": token, "expires_in": ACCESS_S, "user": _view(user)})


def _grant_start_balance(deps: ApiDeps, user: UserId) -> None:
    """Give a user without a wallet the start balance; the key makes it once for ever."""
    if deps.hot.wallet(user).version > 0:
        return
    now_ms = deps.calendar()
    deps.scripts.wallet_credit(
        CreditCommand(
            entry_id=uuid7(now_ms),
            user=user,
            kind="grant",
            amount_e4=START_BALANCE_E4,
            idem_key=f"grant:start:{user}",
            note="start balance",
            now_ms=now_ms,
        )
    )


def _view(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "role": user.role,
        "created_at": rfc3339(user.created_ms),
    }


def _unauthorized(code: str, detail: str, challenge: str) -> Refuse:
    error = FieldError("/Authorization", detail, "header")
    return Refuse(Problem(code, detail, (error,), headers={"WWW-Authenticate": challenge}))
