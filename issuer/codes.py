"""Authorization codes: given out at the consent page, exchanged once for an ID token.

Source: RFC 6749, 4.1; RFC 7636.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass

CODES_MAX = 1_000  #: the oldest goes first


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asked for when it sent its user."""

    client_id: str
    redirect_uri: str
    state: str
    nonce: str
    challenge: str

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Asked | str:
        """The question in *query*; or what is wrong with it."""
        if query.get("response_type") != "code":
            return "response_type must be code"
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            return "a code_challenge with method S256 is wanted"
        if "openid" not in query.get("scope", "").split():
            return "scope must have openid"
        if not query.get("redirect_uri", "").startswith(("http://", "https://")):
            return "redirect_uri is missing"
        names = ("client_id", "redirect_uri", "state", "nonce", "code_challenge")
        return cls(*(query.get(name, "") for name in names))


class Codes:
    """Codes that were given out and not used."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Asked, str]] = {}

    def give(self, asked: Asked, email: str) -> str:
        """A code that says *email* agreed to what was *asked*."""
        code = secrets.token_urlsafe(24)
        self._open[code] = asked, email
        while len(self._open) > CODES_MAX:
            del self._open[next(iter(self._open))]
        return code

    def take(self, form: Mapping[str, str]) -> tuple[Asked, str] | None:
        """What the code in *form* stands for, once, if the client proves that it asked."""
        asked, email = self._open.pop(form.get("code", ""), (None, ""))
        if asked is None:
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = urlsafe_b64encode(digest).rstrip(b"=").decode()
        same = (form.get("client_id"), form.get("redirect_uri")) == (
            asked.client_id,
            asked.redirect_uri,
        )
        return (asked, email) if same and hmac.compare_digest(proof, asked.challenge) else None
