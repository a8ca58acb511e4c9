"""Numbers and short codes for clubs, rounds and matches, the same on every run.

A club keeps its number from season to season because it comes from the name
alone; a match keeps its own when a file grows or a score in it is corrected.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator

#: Below 2^31, so that every number fits the INT columns of the schema.
ID_RANGE = 1_000_000_000
#: Words that say "football club", not which one.
CLUB_WORDS = frozenset({"FC", "AFC", "CF", "SC", "AC", "SV", "FK", "BK", "IF", "THE"})


def stable_id(*parts: str) -> int:
    """A number 1 … ID_RANGE that depends on *parts* only."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") % ID_RANGE + 1


def stable_ids(kind: str, names: Iterable[str]) -> dict[str, int]:
    """`stable_id` of each name, the later in the alphabet giving way in a collision."""
    ids: dict[str, int] = {}
    taken: set[int] = set()
    for name in sorted(set(names)):
        candidate = stable_id(kind, name)
        while candidate in taken:
            candidate = candidate % ID_RANGE + 1
        taken.add(candidate)
        ids[name] = candidate
    return ids


def short_codes(names: Iterable[str]) -> dict[str, str]:
    """Three capital letters or digits for each name, no two alike."""
    codes: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(set(names)):
        code = next(code for code in _candidates(name) if code not in taken)
        taken.add(code)
        codes[name] = code
    return codes


def _candidates(name: str) -> Iterator[str]:
    words = [w for w in _words(name) if w not in CLUB_WORDS and not w.isdigit()]
    words = words or _words(name) or ["CLUB"]
    letters = "".join(words)
    initials = "".join(word[0] for word in words)
    for code in (letters[:3], initials[:3], letters[0] + words[-1][:2], letters[:2] + letters[-1]):
        if len(code) == 3:
            yield code
    for number in range(100):
        yield f"{letters[0]}{number:02d}"
    for number in range(1000):
        yield f"{number:03d}"


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name).upper()
    kept = "".join(c for c in plain if (c.isascii() and c.isalnum()) or c.isspace() or c == "-")
    return kept.replace("-", " ").split()
