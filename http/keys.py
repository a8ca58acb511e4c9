"""Ed25519 keys of the token signer: made, named by thumbprint, read from and written as JWKs.

Source: RFC 8037 (the JWK form), RFC 7638 (the key id).
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: The current key and, while keys are being rotated, one more on either side.
MOST_KEYS = 3


def new_keypair() -> tuple[str, str]:
    """Make a key pair: the private key as PEM, the public one as a JWK set of one key."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    return pem, public_jwks(pem)


def public_jwks(private_pem: str) -> str:
    """The JWK set, as JSON, that verifies what *private_pem* signs. Raises ValueError."""
    return json.dumps({"keys": [_jwk(read_private_key(private_pem).public_key())]})


def with_key(jwks: str, private_pem: str) -> str:
    """The JWK set *jwks* with the public key of *private_pem* before the others.

    Raises ValueError: the set is full, or one of the two cannot be read.
    """
    known = PublicKeys.parse(jwks).as_jwks()["keys"]
    added = _jwk(read_private_key(private_pem).public_key())
    keys = [added, *(jwk for jwk in known if jwk != added)]
    if len(keys) > MOST_KEYS:
        raise ValueError(f"public keys: {len(known)} are there; take those out that sign no more")
    return json.dumps({"keys": keys})


def read_private_key(pem: str) -> Ed25519PrivateKey:
    """The Ed25519 private key in *pem* (PKCS #8, no password). Raises ValueError."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is dropped: its text may quote the key.
        raise ValueError("the signing key is not a PEM private key without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("the signing key is not an Ed25519 key")
    return key


def thumbprint(key: Ed25519PublicKey) -> str:
    """The key's id: RFC 7638, SHA-256 over its required members in order, base64url."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": _b64(key.public_bytes_raw())}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return _b64(hashlib.sha256(canonical.encode()).digest())


class PublicKeys:
    """Public keys by key id."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def parse(cls, jwks: str) -> PublicKeys:
        """Read a JWK set. Raises ValueError naming the key and the field at fault."""
        try:
            listed = json.loads(jwks)["keys"]
        except (ValueError, KeyError, TypeError):
            raise ValueError("public keys: not a JSON Web Key Set") from None
        if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_KEYS:
            raise ValueError(f"public keys: 1 to {MOST_KEYS} keys are wanted")
        keys = [_public_key(number, jwk) for number, jwk in enumerate(listed)]
        return cls({thumbprint(key): key for key in keys})

    def by_id(self, kid: object) -> Ed25519PublicKey | None:
        """The key named *kid*, or None."""
        return self._keys.get(kid) if isinstance(kid, str) else None

    def as_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The set in its public form."""
        return {"keys": [_jwk(key) for key in self._keys.values()]}


def _public_key(number: int, jwk: object) -> Ed25519PublicKey:
    where = f"public keys: key {number}"
    if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        raise ValueError(f"{where}: kty OKP and crv Ed25519 are wanted")
    if "d" in jwk:
        # A private key here would hand the power to sign to every verifier.
        raise ValueError(f"{where}: holds a private key (d); give the public part only")
    try:
        key = Ed25519PublicKey.from_public_bytes(_unb64(str(jwk.get("x"))))
    except ValueError:
        raise ValueError(f"{where}: x is not a 32-byte key in base64url") from None
    if jwk.get("kid", thumbprint(key)) != thumbprint(key):
        raise ValueError(f"{where}: kid is not the key's RFC 7638 thumbprint")
    return key


def _jwk(key: Ed25519PublicKey) -> dict[str, str]:
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": _b64(key.public_bytes_raw()),
        "kid": thumbprint(key),
        "use": "sig",
        "alg": "EdDSA",
    }


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
