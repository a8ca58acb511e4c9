"""What every way of signing in ends with: a session, its tokens, and an account with money."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import msgspec
import structlog
from flask import Response, request

from ..domain.clock import rfc3339
from ..store.revocations import Ended
from ..store.sessions import Client, new_session_id
from ..store.start_balance import grant_start_balance
from ..store.users import User
from .answers import json_answer
from .cookies import keep_token
from .deps import ApiDeps
from .errors import unavailable
from .problems import Problem, Refuse
from .refresh_tokens import RefreshToken
from .tokens import ACCESS_S

log = structlog.get_logger(__name__)


def begin_session(deps: ApiDeps, user: User) -> RefreshToken:
    """Sign *user* in; the refresh token of the new session. Raises Refuse."""
    refuse_inactive(user)
    grant_start_balance(deps.hot, deps.scripts, user.id, deps.calendar())
    session = new_session_id()
    token = deps.refresh_tokens.first(session)
    client = Client(request.headers.get("User-Agent"), client_address())
    ended = deps.sessions.start(user, session, token.digest, client)
    if ended is None:
        raise Refuse(unavailable("the account was changed just now; sign in again"))
    deps.revocations.add(*(Ended(user.id, each) for each in ended))
    log.info("signed in", user=user.id, session_id=session)
    return token


def token_answer(deps: ApiDeps, user: User, token: RefreshToken, *, cookie: bool) -> Response:
    """A new access token, and the refresh token *token*, as a cookie if so wanted."""
    access = deps.signer.access_token(user.id, token.session, user.role)
    said = {"access_token": access, "expires_in": ACCESS_S, "user": user_view(user)}
    if not cookie:
        return json_answer(said | {"refresh_token": token.text})
    response = json_answer(said)
    keep_token(response, token.text, secure=deps.secure)
    return response


def refuse_inactive(user: User) -> None:
    """Raise Refuse unless *user* may use the exchange."""
    if user.status != "active":
        raise Refuse(Problem("ACCOUNT_SUSPENDED", f"the account is {user.status}"))


def user_view(user: User) -> dict[str, object]:
    """*user* as they see themselves."""
    return {
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "role": user.role,
        "created_at": rfc3339(user.created_ms),
        "settings": msgspec.Raw(user.settings.encode()),
    }


def client_address() -> str | None:
    """Where this request comes from; None where that is no address."""
    with suppress(ValueError):
        # Without the interface of a link-local one, which Postgres does not take.
        return str(ipaddress.ip_address((request.remote_addr or "").partition("%")[0]))
    return None
