"""Refresh tokens: made, followed by another, and known again; opaque to everybody else.

A token names its session and holds 256 secret bits. The first of a session is
random; each further one is made from the one before with a key that only
api-servers have, so the answer to a refresh can be given again although only
digests are stored. Its last bytes prove that we made it, which tells an old
token from one that was made up, whatever is still stored of either.

Source: docs/decisions/0034-signing-in.md.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from uuid import UUID

from ..domain.sessions import Shown

PREFIX = "tlr_"  #: so that a token is known for one wherever it turns up
_SESSION, _SECRET, _PROOF = 16, 32, 16  #: bytes
_SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{86}}")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One refresh token, taken apart."""

    text: str
    session: str
    secret: bytes
    ours: bool

    @property
    def digest(self) -> bytes:
        """What is stored of it."""
        return hashlib.sha256(self.text.encode()).digest()


class RefreshTokens:
    """Makes and reads refresh tokens with one *key* of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def first(self, session: str) -> RefreshToken:
        """The token that a new session begins with."""
        return self._made(UUID(session).bytes, secrets.token_bytes(_SECRET))

    def after(self, token: RefreshToken) -> RefreshToken:
        """The one token that follows *token*."""
        session = UUID(token.session).bytes
        return self._made(session, self._mac(b"next", session + token.secret))

    def read(self, text: str) -> RefreshToken | None:
        """*text* as a token, which proves nothing yet; None if it cannot be one."""
        if not _SHAPE.fullmatch(text):
            return None
        raw = urlsafe_b64decode(text.removeprefix(PREFIX) + "==")
        said, proof = raw[: _SESSION + _SECRET], raw[_SESSION + _SECRET :]
        ours = hmac.compare_digest(proof, self._mac(b"made", said)[:_PROOF])
        # One spelling only: a last character has bits that nothing else would look at.
        ours = ours and text == self._spelled(raw)
        return RefreshToken(text, str(UUID(bytes=said[:_SESSION])), said[_SESSION:], ours)

    def shown(self, token: RefreshToken) -> Shown:
        """*token* as the rule wants to see it."""
        return Shown(token.digest, self.after(token).digest, token.ours)

    def _made(self, session: bytes, secret: bytes) -> RefreshToken:
        said = session + secret
        text = self._spelled(said + self._mac(b"made", said)[:_PROOF])
        return RefreshToken(text, str(UUID(bytes=session)), secret, True)

    @staticmethod
    def _spelled(raw: bytes) -> str:
        return PREFIX + urlsafe_b64encode(raw).rstrip(b"=").decode()

    def _mac(self, purpose: bytes, said: bytes) -> bytes:
        return hmac.digest(self._key, purpose + said, "sha256")
