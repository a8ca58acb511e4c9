"""What is answered about sessions and tokens.

Source: docs/protocol.md, "Tokens", "Sessions" and "Google".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .forms import Instant
from .people import UserShown


class TokensGiven(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of a session; without the refresh token where that is a cookie."""

    access_token: str
    expires_in: int
    user: UserShown
    refresh_token: str | msgspec.UnsetType = msgspec.UNSET


class WsTokenGiven(msgspec.Struct, frozen=True):
    """A token for one WebSocket handshake, and where to go with it."""

    token: str
    expires_in: int
    url: str


class NonceGiven(msgspec.Struct, frozen=True):
    """A nonce for a token of Google's, good for so many seconds."""

    nonce: str
    expires_in: int


class SessionShown(msgspec.Struct, frozen=True):
    """A sign-in that goes on; `current` is the one that asks."""

    id: str
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant
    user_agent: str | None
    ip: str | None
    current: bool


class Ed25519Shown(msgspec.Struct, frozen=True, tag_field="kty", tag="OKP"):
    """A public key of Ed25519 as RFC 8037 writes it."""

    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class RsaShown(msgspec.Struct, frozen=True, tag_field="kty", tag="RSA"):
    """A public key of RSA as RFC 7518 writes it."""

    n: str
    e: str
    kid: str
    use: Literal["sig"]
    alg: Literal["RS256"]


class P256Shown(msgspec.Struct, frozen=True, tag_field="kty", tag="EC"):
    """A public key on P-256, likewise."""

    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    use: Literal["sig"]
    alg: Literal["ES256"]


class KeySet(msgspec.Struct, frozen=True):
    """The keys that verify tokens."""

    keys: tuple[Ed25519Shown | RsaShown | P256Shown, ...]
