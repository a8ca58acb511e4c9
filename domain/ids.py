"""Identities: what the numbers mean, and the ids of facts."""

import os
from typing import NewType

UserId = NewType("UserId", int)
InstrumentIdx = NewType("InstrumentIdx", int)

TREASURY = UserId(0)
"""The house: counterparty of every trade and of every grant."""

_MS_MAX = (1 << 48) - 1


def uuid7(now_ms: int) -> str:
    """A fresh UUIDv7 (RFC 9562) stamped *now_ms* (Unix ms): ids sort by time.

    Raises:
        ValueError: the instant does not fit 48 bits.
    """
    if not 0 <= now_ms <= _MS_MAX:
        raise ValueError(f"now_ms out of range: {now_ms}")
    tail = int.from_bytes(os.urandom(10))
    tail = (tail & ~(0xF << 76)) | (0x7 << 76)  # version 7
    tail = (tail & ~(0x3 << 62)) | (0x2 << 62)  # variant 10
    digits = f"{(now_ms << 80) | tail:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
