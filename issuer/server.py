"""The issuer over HTTP: keys, a consent page, codes for tokens. Runs on gevent, keeps nothing."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http.client import responses
from urllib.parse import parse_qsl, urlencode

from ..standin.server import Environ, StandIn, StartResponse
from .codes import Asked, Codes
from .faults import Mood
from .keys import SigningKeys
from .pages import consent

KEYS, AUTH, TOKEN = "/oauth2/v3/certs", "/o/oauth2/v2/auth", "/token"
#: What it calls itself; not its address, for a port is another one tomorrow and people are not.
NAME = "https://issuer.invalid"
LIFE_S = 3600  #: of an ID token
LONGEST_BODY = 64 * 1024
PEOPLE = ("ada@example.com", "grace@example.com", "alan@example.com")


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Issuer(StandIn):
    """Signs in whoever says who they are.

    Args:
        port: 0 takes a free one.
        people: addresses that the consent page offers.

    Attributes:
        keys: what it signs with.
        mood: how it answers.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        people: Sequence[str] = PEOPLE,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(host, port)
        self.keys = SigningKeys()
        self.mood = Mood()
        self._people = people
        self._now = now
        self._codes = Codes()

    def claims(self, email: str, client_id: str, nonce: str) -> dict[str, object]:
        """What a token for *email* says."""
        now = int(self._now())
        return {
            "iss": NAME,
            "azp": client_id,
            "aud": client_id,
            # As long as Google's: 21 digits.
            "sub": str(int.from_bytes(hashlib.sha256(email.lower().encode()).digest()))[:21],
            "email": email,
            "email_verified": True,
            "nonce": nonce,
            "iat": now,
            "exp": now + LIFE_S,
        }

    def token(self, email: str, client_id: str, nonce: str, /, **changes: object) -> str:
        """An ID token; *changes* of its claims, None takes one out."""
        said = self.claims(email, client_id, nonce) | changes
        claims = {name: value for name, value in said.items() if value is not None}
        return self.keys.current.sign(claims)

    def _application(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        reply = self._answer(environ)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body))}
        headers |= reply.headers
        line = f"{reply.status} {responses.get(reply.status, 'Unknown')}"
        start_response(line, list(headers.items()))
        return [reply.body]

    def _answer(self, environ: Environ) -> Reply:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.mood.asked[path] += 1
        query = dict(parse_qsl(environ["QUERY_STRING"]))
        match method, path:
            case "GET", "/oauth2/v3/certs":
                return self._disturbed(lambda: self._told_keys(environ))
            case "GET", "/o/oauth2/v2/auth":
                return self._consent(query)
            case "POST", "/o/oauth2/v2/auth":
                return self._agreed(_form(environ))
            case "POST", "/token":
                return self._disturbed(lambda: self._exchanged(_form(environ)))
        return _json(404, {"error": "not_found"})

    def _disturbed(self, reply: Callable[[], Reply]) -> Reply:
        if self.mood.hang_s:
            self._stopping.wait(self.mood.hang_s)
        if self.mood.status != 200:
            return _json(self.mood.status, {"error": "temporarily_unavailable"})
        return reply()

    def _told_keys(self, environ: Environ) -> Reply:
        body = (
            json.dumps(self.keys.as_jwks()).encode() if self.mood.body is None else self.mood.body
        )
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"ETag": etag}
        if self.mood.max_age_s is not None:
            headers["Cache-Control"] = f"public, max-age={self.mood.max_age_s}, must-revalidate"
        if environ.get("HTTP_IF_NONE_MATCH") == etag:
            return Reply(304, b"", headers)
        return Reply(200, body, headers)

    def _consent(self, query: dict[str, str]) -> Reply:
        asked = Asked.read(query)
        if isinstance(asked, str):
            return _json(400, {"error": "invalid_request", "error_description": asked})
        return Reply(200, consent(query, self._people), {"Content-Type": "text/html"})

    def _agreed(self, form: dict[str, str]) -> Reply:
        asked = Asked.read(form)
        if isinstance(asked, str) or not ("deny" in form or "@" in form.get("email", "")):
            return _json(400, {"error": "invalid_request"})
        said = {"state": asked.state}
        if "deny" in form:
            said["error"] = "access_denied"
        else:
            said["code"] = self._codes.give(asked, form["email"])
        return Reply(302, b"", {"Location": f"{asked.redirect_uri}?{urlencode(said)}"})

    def _exchanged(self, form: dict[str, str]) -> Reply:
        found = self._codes.take(form)
        if found is None or not form.get("client_secret"):
            return _json(400, {"error": "invalid_grant"})
        asked, email = found
        token = self.token(email, asked.client_id, asked.nonce)
        said = {"id_token": token, "access_token": "none", "token_type": "Bearer"}
        return _json(200, said | {"expires_in": LIFE_S})


def _form(environ: Environ) -> dict[str, str]:
    return dict(parse_qsl(environ["wsgi.input"].read(LONGEST_BODY).decode("utf-8", "replace")))


def _json(status: int, said: object) -> Reply:
    return Reply(status, json.dumps(said).encode())
