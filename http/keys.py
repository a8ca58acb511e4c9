"""Keys of the token signer: made, named by thumbprint, read from and written as JWKs.

Source: RFC 7517 (sets of keys), RFC 7638 (the key id).
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from .algorithms import (
    EDDSA,
    RSA_BITS,
    PrivateKey,
    PublicKey,
    algorithm_of,
    jwk_members,
    new_private_key,
    public_key,
)

#: The current key and, while keys are being rotated, one more on either side.
MOST_KEYS = 3


def new_keypair(algorithm: str = EDDSA) -> tuple[str, str]:
    """Make a key pair: the private key as PEM, the public one as a JWK set of one key."""
    key = new_private_key(algorithm)
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


def read_private_key(pem: str) -> PrivateKey:
    """The private key in *pem* (PKCS #8, no password), of a kind we use. Raises ValueError."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is dropped: its text may quote the key.
        raise ValueError("the signing key is not a PEM private key without a password") from None
    if algorithm_of(key) is None:
        kinds = f"an Ed25519 key, an RSA key of {RSA_BITS} bits or more, or one on P-256"
        raise ValueError(f"the signing key is not {kinds}")
    return cast(PrivateKey, key)


def thumbprint(key: PublicKey) -> str:
    """The key's id: RFC 7638, SHA-256 over its required members in order, base64url."""
    canonical = json.dumps(jwk_members(key), separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(canonical.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


class PublicKeys:
    """Public keys by key id."""

    def __init__(self, keys: Mapping[str, PublicKey]) -> None:
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

    def by_id(self, kid: object) -> PublicKey | None:
        """The key named *kid*, or None."""
        return self._keys.get(kid) if isinstance(kid, str) else None

    def as_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The set in its public form."""
        return {"keys": [_jwk(key) for key in self._keys.values()]}


def _public_key(number: int, jwk: object) -> PublicKey:
    where = f"public keys: key {number}"
    if not isinstance(jwk, dict):
        raise ValueError(f"{where}: is not an object")
    if "d" in jwk:
        # A private key here would hand the power to sign to every verifier.
        raise ValueError(f"{where}: holds a private key (d); give the public part only")
    try:
        key = public_key(jwk)
    except ValueError as why:
        raise ValueError(f"{where}: {why}") from None
    if jwk.get("kid", thumbprint(key)) != thumbprint(key):
        raise ValueError(f"{where}: kid is not the key's RFC 7638 thumbprint")
    return key


def _jwk(key: PublicKey) -> dict[str, str]:
    named = {"kid": thumbprint(key), "use": "sig", "alg": algorithm_of(key) or ""}
    return jwk_members(key) | named
