"""Google's ID tokens: the signature by google-auth against keys that are here, then the claims.

google-auth fetches nothing here. What it leaves out is checked around it: it takes a token without
a key id against every key there is, and knows several algorithms.

Source: docs/decisions/0034-signing-in.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import google.auth.jwt
from google.auth.exceptions import GoogleAuthError

from ..domain.clock import Monotonic
from ..domain.google_claims import (
    SKEW_S,
    GoogleIdentity,
    GoogleRefused,
    GoogleRules,
    identity_of,
)
from ..store.google_keys import Shelf
from .tokens import WallClock

TOKEN_MAX = 8192  #: characters; Google's have about 1,200

KEYS_UNAVAILABLE = GoogleRefused(
    "GOOGLE_KEYS_UNAVAILABLE", "Google's keys could not be read yet; try again"
)


class GoogleTokens:
    """Tells whom a Google ID token is about."""

    def __init__(
        self,
        shelf: Shelf,
        look: Callable[[str], None],
        rules: GoogleRules,
        now: WallClock = time.time,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        """Take *look*, which returns once a key has been looked for that is not on the *shelf*."""
        self._shelf = shelf
        self._look = look
        self._rules = rules
        self._now = now
        self._monotonic = monotonic

    def identify(self, token: str, nonce: str) -> GoogleIdentity | GoogleRefused:
        """Whom *token*, made for *nonce*, signs in; or why nobody."""
        kid = _key_id(token)
        if kid is None:
            return _invalid("is not a token of Google's kind")
        pem = self._key(kid)
        if pem is None:
            return KEYS_UNAVAILABLE if self._shelf.ring.empty else _invalid("is of an unknown key")
        claims = _verified(token, {kid: pem}, sorted(self._rules.client_ids))
        if claims is None:
            return _invalid("is forged, expired, or for somebody else")
        return identity_of(claims, self._rules, nonce, self._now())

    def _key(self, kid: str) -> str | None:
        pem = self._shelf.ring.find(kid, self._monotonic())
        # Within the quiet time nothing would come of it, and tokens with made-up key ids must
        # not fill the mailbox.
        if pem is None and self._monotonic() >= self._shelf.quiet_until_s:
            self._look(kid)
            pem = self._shelf.ring.find(kid, self._monotonic())
        return pem


def _key_id(token: str) -> str | None:
    """The key that *token* names, if it is signed as Google signs."""
    if len(token) > TOKEN_MAX:
        return None
    try:
        header = google.auth.jwt.decode_header(token)  # type: ignore[no-untyped-call]  # no types there
    except (GoogleAuthError, ValueError, RecursionError):
        return None
    kid = header.get("kid")
    named = isinstance(kid, str) and kid != ""
    return kid if named and header.get("alg") == "RS256" else None


def _verified(
    token: str, certs: Mapping[str, str], audience: list[str]
) -> Mapping[str, object] | None:
    try:
        claims = google.auth.jwt.decode(  # type: ignore[no-untyped-call]  # no types there
            token, certs, True, audience, SKEW_S
        )
    # Types within a token are its maker's choice, and it compares before it looks.
    except (GoogleAuthError, ValueError, TypeError, RecursionError):
        return None
    return claims if isinstance(claims, Mapping) else None


def _invalid(reason: str) -> GoogleRefused:
    return GoogleRefused("GOOGLE_TOKEN_INVALID", f"the token {reason}")
