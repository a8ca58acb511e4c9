"""The issuer's signing keys: what it signs with, and what it tells of them."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048


class SigningKey:
    """One RSA key and its id."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
        numbers = self._key.public_key().public_numbers()
        self._n, self._e = _b64(numbers.n), _b64(numbers.e)
        self.kid = hashlib.sha256(self._n.encode()).hexdigest()[:40]

    def sign(self, claims: dict[str, object], **headers: object) -> str:
        """*claims* as a token, as Google signs: RS256, with the key's id."""
        return self._signed(json.dumps(claims).encode(), headers)

    def _signed(self, payload: bytes, headers: dict[str, object]) -> str:
        # Not jwt.encode, which looks at claims: what is signed here may be wrong on purpose.
        return jwt.api_jws.encode(payload, self._key, "RS256", {"kid": self.kid, **headers})

    @property
    def jwk(self) -> dict[str, str]:
        """The public part."""
        said = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid}
        return said | {"n": self._n, "e": self._e}


class SigningKeys:
    """The key in use, and those that are told of."""

    def __init__(self) -> None:
        self.current = SigningKey()
        self._told = [self.current]

    def rotate(self) -> SigningKey:
        """Sign with a new key from now on; the one before is told of until the next rotation."""
        self._told = [SigningKey(), self.current]
        self.current = self._told[0]
        return self.current

    def as_jwks(self) -> dict[str, object]:
        """What the issuer tells of its keys."""
        return {"keys": [key.jwk for key in self._told]}


def _b64(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8)
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
