"""What a sign-in with Google leaves behind while its user is at Google: nonces and states.

Each is good once and for ten minutes, at whichever api-server the user comes back to.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec
import redis

from .keys import Keys

LIFE_S = 600  #: real seconds somebody may take at Google
_BYTES = 32  #: of each secret


@dataclass(frozen=True, slots=True)
class Errand:
    """One user on the way to Google and back.

    Attributes:
        verifier: PKCE's secret; only its digest goes along with the user.
        nonce: comes back inside the token.
        origin: where the user set out.
    """

    verifier: str
    nonce: str
    origin: str


class OAuth:
    """Nonces and states in Redis. Every method may raise an outage of it."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._redis = client
        self._keys = keys

    def new_nonce(self) -> str:
        """A nonce that is good once."""
        nonce = secrets.token_urlsafe(_BYTES)
        self._redis.set(self._keys.oauth_nonce(nonce), 1, ex=LIFE_S)
        return nonce

    def spend_nonce(self, nonce: str) -> bool:
        """Use *nonce*; False if it was used before, has expired, or was never given out."""
        return self._redis.getdel(self._keys.oauth_nonce(nonce)) is not None

    def set_out(self, origin: str) -> tuple[str, Errand]:
        """A state, and what belongs to it."""
        state = secrets.token_urlsafe(_BYTES)
        errand = Errand(secrets.token_urlsafe(_BYTES), secrets.token_urlsafe(_BYTES), origin)
        stored = msgspec.json.encode(errand).decode()
        self._redis.set(self._keys.oauth_state(state), stored, ex=LIFE_S)
        return state, errand

    def come_back(self, state: str) -> Errand | None:
        """What belongs to *state*, once; None if it was used, has expired, or was made up."""
        stored: Any = self._redis.getdel(self._keys.oauth_state(state))
        return None if stored is None else msgspec.json.decode(stored, type=Errand)
