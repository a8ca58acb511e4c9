"""Seeds as they are kept: encrypted, and bound to the week that they are for.

Who reads the database learns no seed. A seal names the key it was made with, so that one made with
a key that has been replaced is told from one that was tampered with.
"""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NAME_BYTES, _NONCE_BYTES = 8, 12


class Sealer:
    """Seals with *secret*, and opens what was sealed with it or with one of *before* (32 bytes)."""

    def __init__(self, secret: bytes, *before: bytes) -> None:
        self._name = _name(secret)
        self._keys = {_name(each): AESGCM(each) for each in (secret, *before)}

    def seal(self, seed: bytes, week: str) -> bytes:
        """*seed*, sealed for *week*."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._name + nonce + self._keys[self._name].encrypt(nonce, seed, week.encode())

    def open(self, sealed: bytes, week: str) -> bytes | None:
        """The seed in *sealed*; None if it is of another key or another week, or was changed."""
        key = self._keys.get(sealed[:_NAME_BYTES])
        nonce, text = sealed[_NAME_BYTES:][:_NONCE_BYTES], sealed[_NAME_BYTES + _NONCE_BYTES :]
        if key is None:
            return None
        try:
            return key.decrypt(nonce, text, week.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to be one
            return None

    def fresh(self, sealed: bytes) -> bool:
        """Whether *sealed* was sealed with the present secret."""
        return sealed.startswith(self._name)


def _name(secret: bytes) -> bytes:
    return hashlib.sha256(b"the name of a seal's key" + secret).digest()[:_NAME_BYTES]
