"""Chance that comes out the same everywhere: SHA-256 of some words, and of how often it was asked.

Python's own generator keeps a state, which has to be carried from one decision to the next. What
is drawn here depends on the words alone, so a process that is started anew goes on as if it had
never stopped.
"""

from hashlib import sha256


class Dice:
    """A sequence of draws that follows from *words*."""

    def __init__(self, *words: str | int) -> None:
        self._words = "|".join(map(str, words))
        self._drawn = 0

    def below(self, ends: int) -> int:
        """A number from 0 to *ends* - 1, for *ends* up to 2**64; each is as likely as any other.

        To within 2**-192: the digest has 256 bits.
        """
        digest = sha256(f"{self._words}|{self._drawn}".encode()).digest()
        self._drawn += 1
        return int.from_bytes(digest) % ends
