"""`touchline keys`: key pairs for tokens, as lines for an environment file.

Source: docs/operations.md, "Keys".
"""

from __future__ import annotations

from ..config import SettingError
from ..http.algorithms import EDDSA
from ..http.keys import new_keypair, with_key


def first(algorithm: str = EDDSA) -> str:
    """The lines for an installation that has no keys yet."""
    private_key, public_keys = new_keypair(algorithm)
    return f"{_private(private_key)}\n{_public(public_keys)}"


def next_to(in_force: str, algorithm: str = EDDSA) -> str:
    """The lines that replace the keys whose public part is *in_force*, with what to do when.

    Raises:
        SettingError: it holds as many keys as it may, or is no JWK set.
    """
    private_key, alone = new_keypair(algorithm)
    try:
        both = with_key(in_force, private_key)
    except ValueError as why:
        raise SettingError(f"JWT_PUBLIC_KEYS: {why}") from None
    return "\n".join(
        (
            "# 1. On every api-server and ws-server: verify with the new key as well.",
            _public(both),
            "# 2. Once all of them run with that, on every api-server: sign with the new key.",
            "#    What JWT_PRIVATE_KEY was goes into JWT_PREVIOUS_KEY: seeds of draws need it.",
            _private(private_key),
            "# 3. After 15 minutes, everywhere: tokens of the old key have expired, forget it.",
            "#    JWT_PREVIOUS_KEY goes, too.",
            _public(alone),
        )
    )


def _private(pem: str) -> str:
    return f"JWT_PRIVATE_KEY={pem.strip()!r}"


def _public(jwks: str) -> str:
    return f"JWT_PUBLIC_KEYS='{jwks}'"
