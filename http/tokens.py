"""Own tokens: short-lived JWTs, signed by the api-server, verified everywhere else.

Two kinds, told apart by the header `typ` so that neither can stand in for the
other: the access token (15 min, `at+jwt`) opens the HTTP API; the ws token
(60 s, `ws+jwt`, used once) opens one WebSocket. Who holds only a `Verifier`
can never make either. Lifetimes are real seconds, whatever the calendar does
(docs/decisions/0004).

Source: docs/protocol.md, "Tokens".
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .algorithms import PrivateKey, algorithm_of
from .keys import PublicKeys, read_private_key, thumbprint

#: Real (not calendar) time, Unix seconds.
WallClock = Callable[[], float]

ISSUER = "touchline"
ACCESS_S = 15 * 60  #: life of an access token, seconds
WS_S = 60  #: life of a ws token, seconds
LEEWAY_S = 5  #: how far the clocks of two replicas may differ, seconds
CACHED = 20_000  #: verified access tokens remembered: about one a user and quarter of an hour
#: What a token has to say, of either kind.
REQUIRED = ("iss", "sub", "aud", "iat", "nbf", "exp", "jti", "sid")

_ACCESS_TYP, _ACCESS_AUD = "at+jwt", "api"
_WS_TYP, _WS_AUD = "ws+jwt", "ws"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says. `expires_at` is in Unix seconds; `role` is "" in a ws token."""

    user: int
    session: str
    token_id: str
    role: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """Why a token was not accepted, in words a client may see."""

    reason: str


class Signer:
    """Makes tokens. Only the api-server has one."""

    def __init__(self, private_pem: str, issuer: str = ISSUER, now: WallClock = time.time) -> None:
        """Take a private key in PEM, which tells the algorithm. Raises ValueError."""
        self._key = read_private_key(private_pem)
        self._issuer = issuer
        self._now = now
        self._algorithm = algorithm_of(self._key)
        self._kid = thumbprint(self._key.public_key())

    def access_token(self, user: int, session: str, role: str = "user") -> str:
        """A token for the HTTP API, valid for ACCESS_S from now."""
        claims = self._claims(user, session, _ACCESS_AUD, ACCESS_S)
        claims |= {"role": role, "scope": "trade"}
        return self._signed(claims, _ACCESS_TYP)

    def ws_token(self, user: int, session: str) -> str:
        """A token for one WebSocket handshake, valid for WS_S from now."""
        return self._signed(self._claims(user, session, _WS_AUD, WS_S) | {"typ": "ws"}, _WS_TYP)

    def secret_for(self, purpose: str) -> bytes:
        """32 secret bytes for *purpose*, the same on every replica that signs with this key."""
        seed = _seed(self._key)
        return hashlib.blake2b(purpose.encode(), key=seed, digest_size=32).digest()

    def _claims(self, user: int, session: str, audience: str, life_s: int) -> dict[str, object]:
        issued = int(self._now())
        return {
            "iss": self._issuer,
            "sub": str(user),
            "aud": audience,
            "iat": issued,
            "nbf": issued,
            "exp": issued + life_s,
            "jti": uuid.uuid4().hex,
            "sid": session,
        }

    def _signed(self, claims: dict[str, object], typ: str) -> str:
        headers = {"typ": typ, "kid": self._kid}
        return jwt.encode(claims, self._key, algorithm=self._algorithm, headers=headers)


class Verifier:
    """Checks tokens against a set of public keys.

    Verified access tokens are remembered by digest until they expire, because
    a signature check costs more than everything else a small request does.
    """

    def __init__(self, jwks: str, issuer: str = ISSUER, now: WallClock = time.time) -> None:
        """Take a JSON Web Key Set as text. Raises ValueError, naming what is wrong in it."""
        self._keys = PublicKeys.parse(jwks)
        self._issuer = issuer
        self._now = now
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    def access(self, token: str) -> Claims | TokenRefused:
        """The claims of an access token, or why it is refused."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and self._now() < known.expires_at:
            return known
        claims = self._verify(token, _ACCESS_TYP, _ACCESS_AUD)
        if isinstance(claims, Claims):
            self._remember(digest, claims)
        else:
            self._verified.pop(digest, None)
        return claims

    def ws(self, token: str) -> Claims | TokenRefused:
        """The claims of a ws token, or why it is refused. Single use is the caller's to enforce."""
        return self._verify(token, _WS_TYP, _WS_AUD)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys, for `/.well-known/jwks.json`."""
        return self._keys.as_jwks()

    def _verify(self, token: str, typ: str, audience: str) -> Claims | TokenRefused:
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.by_id(header.get("kid"))
            if key is None:
                return TokenRefused("the token was signed with a key that is not known here")
            claims = jwt.decode(
                token,
                key,
                # The key's own and no other, whatever the token's header says.
                algorithms=[algorithm_of(key) or ""],
                audience=audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": list(REQUIRED)},
            )
        except jwt.ExpiredSignatureError:
            return TokenRefused("the token has expired")
        except jwt.ImmatureSignatureError:
            return TokenRefused("the token is not valid yet")
        except jwt.InvalidTokenError:
            return TokenRefused("the token is not valid")
        if header.get("typ") != typ:
            return TokenRefused(f"the token is of another kind; {typ} is needed here")
        return _read(claims)

    def _remember(self, digest: bytes, claims: Claims) -> None:
        self._verified[digest] = claims
        # Oldest first out: all access tokens live equally long, so the oldest
        # entry is also the one that expires first.
        while len(self._verified) > CACHED:
            self._verified.popitem(last=False)


def _seed(key: PrivateKey) -> bytes:
    """At most 64 secret bytes that are the same wherever *key* is."""
    if isinstance(key, Ed25519PrivateKey):
        return key.private_bytes_raw()
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return hashlib.sha512(der).digest()


def _read(claims: Mapping[str, object]) -> Claims | TokenRefused:
    subject, expires = claims["sub"], claims["exp"]
    # Ids are 64-bit and start at 1; 0 is the treasury, for which nobody signs in.
    if not (isinstance(subject, str) and re.fullmatch(r"[1-9][0-9]{0,18}", subject)):
        return TokenRefused("the token's subject is not a user")
    if not isinstance(expires, int):
        return TokenRefused("the token's expiry is not a whole second")
    return Claims(
        user=int(subject),
        session=str(claims["sid"]),
        token_id=str(claims["jti"]),
        role=str(claims.get("role", "")),
        expires_at=expires,
    )
