"""Google's JWK set, read over HTTP; and where all of a process find the keys that are believed.

Source: RFC 7517; docs/decisions/0034-signing-in.md.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from ..domain.google_keys import KeyList, KeyRing
from .web import NoAnswer, Web

KEYS_MAX = 16  #: Google has two or three
BITS = (2048, 8192)  #: of a modulus: less can be broken, more takes long to verify
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])")


class Shelf:
    """The keys in force, and until when no further look for an unknown one is worth asking for.

    Written by the `google-verifier` alone, whole; read by anybody at any time.
    """

    def __init__(self) -> None:
        self.ring = KeyRing()
        self.quiet_until_s = 0.0


class _Jwk(msgspec.Struct):
    kty: str = ""
    kid: str = ""
    n: str = ""
    e: str = ""
    use: str = "sig"
    alg: str = "RS256"


class _JwkSet(msgspec.Struct):
    keys: list[_Jwk]


class GoogleKeys:
    """The JWK set at *url*."""

    def __init__(self, url: str, web: Web | None = None) -> None:
        self._url = url
        self._web = web or Web()

    def fetch(self, etag: str | None) -> KeyList | float | None:
        """The list; or, if it is still the one called *etag*, for how long it may be kept now.

        Raises:
            NoAnswer: there was none, or none that can be used.
        """
        headers = {"Accept": "application/json"} | ({"If-None-Match": etag} if etag else {})
        answer = self._web.get(self._url, headers)
        max_age_s = _max_age_s(answer.headers.get("cache-control", ""))
        if answer.status == 304 and etag:
            return max_age_s
        if answer.status != 200:
            raise NoAnswer(f"HTTP {answer.status}")
        return KeyList(keys_in(answer.body), max_age_s, answer.headers.get("etag"))


def keys_in(body: bytes) -> dict[str, str]:
    """The public keys (PEM) of a JSON Web Key Set, by id; those of other kinds are left out.

    Raises:
        NoAnswer: it is none.
    """
    try:
        listed = msgspec.json.decode(body, type=_JwkSet).keys[:KEYS_MAX]
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NoAnswer("the answer is not a JSON Web Key Set") from None
    # What is of another kind, or broken, is left out: one bad key must not cost the good ones.
    found = {jwk.kid: pem for jwk in listed if (pem := _pem(jwk)) is not None}
    if not found:
        raise NoAnswer("the answer holds no RSA key that could be used")
    return found


def _pem(jwk: _Jwk) -> str | None:
    if (jwk.kty, jwk.use, jwk.alg) != ("RSA", "sig", "RS256") or not jwk.kid:
        return None
    try:
        modulus, exponent = _number(jwk.n), _number(jwk.e)
        if not BITS[0] <= modulus.bit_length() <= BITS[1] or exponent >= 2**32:
            return None
        key = RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        return None
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def _number(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _max_age_s(cache_control: str) -> float | None:
    lowered = cache_control.lower()
    if "no-store" in lowered or "no-cache" in lowered:
        return 0.0
    found = _MAX_AGE.search(lowered)
    return float(found[1]) if found else None
