"""The kinds of keys that tokens are signed with, each with the one algorithm that it is used for.

What a token says of its algorithm decides nothing: the key that it names does (RFC 8725, 3.1).

Source: docs/protocol.md, "Tokens"; RFC 7518, RFC 8037 (the JWK forms).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

PrivateKey = Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey
PublicKey = Ed25519PublicKey | RSAPublicKey | EllipticCurvePublicKey

EDDSA, RS256, ES256 = "EdDSA", "RS256", "ES256"
ALGORITHMS = (EDDSA, RS256, ES256)
RSA_BITS = 2048  #: of those we make, and the least that is taken (RFC 7518, 3.3)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a kind of key is written as a JWK: by the library, of which these members are the key."""

    library: Any
    members: tuple[str, ...]


_KINDS: Mapping[str, _Kind] = {
    EDDSA: _Kind(OKPAlgorithm, ("x",)),
    RS256: _Kind(RSAAlgorithm, ("n", "e")),
    ES256: _Kind(ECAlgorithm, ("x", "y")),
}
_NAMED = {("OKP", "Ed25519"): EDDSA, ("RSA", None): RS256, ("EC", "P-256"): ES256}


def new_private_key(algorithm: str = EDDSA) -> PrivateKey:
    """A new key for *algorithm*, one of ALGORITHMS."""
    if algorithm == RS256:
        return rsa.generate_private_key(65537, RSA_BITS)
    if algorithm == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    return Ed25519PrivateKey.generate()


def algorithm_of(key: object) -> str | None:
    """The one algorithm that *key* is used for; None if it is used for none."""
    match key:
        case Ed25519PrivateKey() | Ed25519PublicKey():
            return EDDSA
        case RSAPrivateKey() | RSAPublicKey() if key.key_size >= RSA_BITS:
            return RS256
        case EllipticCurvePrivateKey() | EllipticCurvePublicKey():
            return ES256 if isinstance(key.curve, ec.SECP256R1) else None
    return None


def jwk_members(key: PublicKey) -> dict[str, str]:
    """The members that RFC 7638 requires of a JWK for *key*."""
    kind = _KINDS[algorithm_of(key) or EDDSA]
    jwk = kind.library.to_jwk(key, as_dict=True)
    return {name: jwk[name] for name in ("kty", "crv", *kind.members) if name in jwk}


def public_key(jwk: Mapping[str, object]) -> PublicKey:
    """The key that *jwk* describes. Raises ValueError, naming the members at fault."""
    kty = jwk.get("kty")
    algorithm = _NAMED.get((str(kty), None if kty == "RSA" else str(jwk.get("crv"))))
    if algorithm is None:
        raise ValueError("kty OKP with crv Ed25519, kty EC with crv P-256, or kty RSA is wanted")
    if jwk.get("alg", algorithm) != algorithm:
        raise ValueError(f"alg is not {algorithm}, which is what such a key is used for")
    kind = _KINDS[algorithm]
    try:
        key: PublicKey = kind.library.from_jwk(dict(jwk))
    except (InvalidKeyError, ValueError, KeyError, TypeError):
        verb = "is" if len(kind.members) == 1 else "are"
        said = f"{' and '.join(kind.members)} {verb} not a public key in base64url"
        raise ValueError(said) from None
    if algorithm_of(key) != algorithm:
        raise ValueError(f"n has less than {RSA_BITS} bits")
    return key
