"""Signing in with Google: by a token that the client already has, or by way of Google's page.

Source: docs/protocol.md, "Google"; OpenID Connect Core 1.0; RFC 7636 (PKCE).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec
import structlog
from flask import Blueprint, Response, request

from ..domain.google_claims import GoogleIdentity, GoogleRefused
from ..protocol.sessions import NonceGiven, TokensGiven
from ..store.google_code import CodeRefused, GoogleCode
from ..store.oauth import LIFE_S, Errand, OAuth
from ..store.outage import OUTAGES
from ..store.users import User
from ..store.web import NoAnswer
from .answers import json_answer
from .auth import Nothing
from .cookies import keep_token
from .deps import ApiDeps
from .errors import unavailable
from .google_tokens import GoogleTokens
from .operations import Operation
from .problems import FieldError, Place, Problem, Refuse
from .sign_in import begin_session, token_answer
from .validate import body, optional_body

START, CALLBACK = "/v1/auth/google/start", "/v1/auth/google/callback"
STATE_COOKIE = "touchline_oauth"

log = structlog.get_logger(__name__)


class GoogleLogin(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/auth/google`; *cookie* keeps the refresh token out of the answer."""

    id_token: str
    nonce: str
    cookie: bool = False


class CallbackQuery(msgspec.Struct, frozen=True):
    """Query of `GET /v1/auth/google/callback`, and whatever else Google sends along."""

    state: str = ""
    code: str | None = None
    error: str = ""


#: What an identity of Google's may be refused for.
_IDENTITY_REFUSALS = (
    "GOOGLE_TOKEN_INVALID",
    "EMAIL_NOT_VERIFIED",
    "DOMAIN_NOT_ALLOWED",
    "ACCOUNT_SUSPENDED",
    "GOOGLE_KEYS_UNAVAILABLE",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleSignIn:
    """What signing in with Google needs.

    Attributes:
        code: exchanges codes; None where users cannot be sent to Google's page.
        auth_url: that page.
        client_id: who we are there.
        origins: where users reach us; Google sends them back to one of these.
    """

    tokens: GoogleTokens
    oauth: OAuth
    code: GoogleCode | None = None
    auth_url: str = ""
    client_id: str = ""
    origins: tuple[str, ...] = ()


def google_routes(deps: ApiDeps, google: GoogleSignIn) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("google", __name__)

    @routes.post("/v1/auth/nonce")
    @Operation(body=Nothing, body_optional=True, answers={200: NonceGiven})
    def nonce() -> Response:
        """A nonce to hand to Google's library, for a token that opens something once."""
        optional_body(Nothing)
        return json_answer({"nonce": google.oauth.new_nonce(), "expires_in": LIFE_S})

    @routes.post("/v1/auth/google")
    @Operation(body=GoogleLogin, answers={200: TokensGiven}, refusals=_IDENTITY_REFUSALS)
    def google_token() -> Response:
        """Sign in with an ID token of Google's."""
        wanted = body(GoogleLogin)
        identity = _identity(google, wanted.id_token, wanted.nonce, "/id_token", "body")
        if not google.oauth.spend_nonce(wanted.nonce):
            error = FieldError("/nonce", "was used, has expired, or was not given out here")
            raise Refuse(Problem("GOOGLE_TOKEN_INVALID", "ask for a nonce first", (error,)))
        user = _user(deps, identity)
        return token_answer(deps, user, begin_session(deps, user), cookie=wanted.cookie)

    if google.code is not None:
        _add_code_flow(routes, deps, google, google.code)
    return routes


def _add_code_flow(
    routes: Blueprint, deps: ApiDeps, google: GoogleSignIn, code: GoogleCode
) -> None:
    @routes.get(START)
    @Operation(answers={302: None})
    def google_start() -> Response:
        """Go to Google's page."""
        return _start(deps, google)

    @routes.get(CALLBACK)
    @Operation(query=CallbackQuery, answers={302: None})
    def google_callback() -> Response:
        """Come back from Google's page, and go to ours with its cookie, or with why not.

        Why not is a code behind `#sign-in=`.
        """
        try:
            return _callback(deps, google, code)
        except Refuse as refuse:
            why = refuse.problem.code
        except OUTAGES:  # its own log line comes from the actor that waits it out
            why = "UNAVAILABLE"
        log.info("google sign-in refused", code=why)
        response = _sent_to(f"/#sign-in={why}")
        # A page of others may have sent the browser here while its user is still on the way.
        return response if why == "STATE_MISMATCH" else _leaving(response, deps)


def _start(deps: ApiDeps, google: GoogleSignIn) -> Response:
    state, errand = google.oauth.set_out(_own_origin(google))
    digest = hashlib.sha256(errand.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": google.client_id,
        "redirect_uri": errand.origin + CALLBACK,
        "scope": "openid email profile",
        "state": state,
        "nonce": errand.nonce,
        "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    response = _sent_to(f"{google.auth_url}?{urlencode(asked)}")
    # Lax, not Strict: who comes back comes from Google's page. It says that the browser which
    # comes back is the one that set out, and is worth nothing to anybody else.
    response.set_cookie(
        STATE_COOKIE,
        state,
        LIFE_S,
        path=CALLBACK,
        secure=deps.secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def _callback(deps: ApiDeps, google: GoogleSignIn, code: GoogleCode) -> Response:
    errand = _errand(google)
    if "code" not in request.args:
        # Who changes their mind at Google comes back with an error in place of a code.
        log.info("google sign-in ended there", error=request.args.get("error", "")[:100])
        return _leaving(_sent_to("/"), deps)
    try:
        token = code.exchange(request.args["code"], errand, errand.origin + CALLBACK)
    except CodeRefused as why:
        log.warning("google refuses a code", error=str(why))
        error = FieldError("/code", "is not accepted by Google", "query")
        raise Refuse(Problem("GOOGLE_TOKEN_INVALID", "sign in again", (error,))) from None
    except NoAnswer as why:
        log.warning("google does not answer", error=str(why))
        raise Refuse(
            unavailable("Google does not answer; try again", "GOOGLE_UNAVAILABLE")
        ) from why
    user = _user(deps, _identity(google, token, errand.nonce, "/code", "query"))
    # The fragment tells the page, and nobody else, that there is a cookie to go by.
    response = _leaving(_sent_to("/#signed-in"), deps)
    keep_token(response, begin_session(deps, user).text, secure=deps.secure)
    return response


def _errand(google: GoogleSignIn) -> Errand:
    """What the user who comes back was sent for. Raises Refuse unless they set out here."""
    state, kept = request.args.get("state", ""), request.cookies.get(STATE_COOKIE, "")
    same = hmac.compare_digest(state.encode(), kept.encode())
    errand = google.oauth.come_back(state) if same and state else None
    if errand is None:
        error = FieldError("/state", "is not the one this browser set out with", "query")
        raise Refuse(Problem("STATE_MISMATCH", "begin to sign in again", (error,)))
    return errand


def _identity(
    google: GoogleSignIn, token: str, nonce: str, pointer: str, place: Place
) -> GoogleIdentity:
    found = google.tokens.identify(token, nonce)
    if isinstance(found, GoogleRefused):
        if found.code == "GOOGLE_KEYS_UNAVAILABLE":
            raise Refuse(unavailable(found.reason, found.code))
        raise Refuse(Problem(found.code, found.reason, (FieldError(pointer, found.reason, place),)))
    return found


def _user(deps: ApiDeps, identity: GoogleIdentity) -> User:
    user = deps.users.sign_in_google(identity)
    if user is None:  # every name that was tried had just been taken
        raise Refuse(unavailable("try again"))
    return user


def _own_origin(google: GoogleSignIn) -> str:
    """The origin that the user reached us by, if it is one of ours; else the first of them."""
    ours = [origin for origin in google.origins if origin.endswith(f"://{request.host}")]
    # Of one host under two schemes the one that was used; of one alone that one, for a proxy that
    # nobody trusts may not have said which it was.
    reached = f"{request.scheme}://{request.host}"
    return reached if reached in ours else [*ours, *google.origins][0]


def _sent_to(where: str) -> Response:
    return Response(status=302, headers={"Location": where})


def _leaving(response: Response, deps: ApiDeps) -> Response:
    response.delete_cookie(STATE_COOKIE, path=CALLBACK, secure=deps.secure, httponly=True)
    return response
