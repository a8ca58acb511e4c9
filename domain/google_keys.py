"""Google's public keys, how long each is believed, and when to ask for them again.

Pure: times are seconds of one monotonic clock, whoever's it is.

Source: docs/operations.md, "Google sign-in"; docs/decisions/0034-signing-in.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

REFRESH_S = 6 * 3600.0  #: Google lets its keys be kept for about 5.9 h, and changes them daily
SOONEST_S = 60.0  #: an answer that may not be kept at all is still not asked for more often
JITTER = 0.05  #: so that replicas which started together do not ask together
RETRY_S, RETRY_MAX_S = 5.0, 300.0  #: after a failure, doubled with each further one
STALE_S = 12 * 3600.0  #: keys that old work, and somebody should look why
FORCED_S = 60.0  #: between two looks for a key that a token names and nobody knows
#: A key that Google no longer lists is believed for as long as the list that had it could be kept,
#: and a header that says "a year" does not make it a year.
LONGEST_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class KeyList:
    """One good answer: PEM by key id, and for how long it may be kept, if it says so."""

    keys: Mapping[str, str]
    max_age_s: float | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys that are believed.

    Attributes:
        listed: those of the newest list; believed until another list comes, however old it is.
        outgoing: those of earlier lists with the moment each expires.
        fetched_s: when the newest list was confirmed.
        expires_s: until when it may be kept.
    """

    listed: Mapping[str, str] = field(default_factory=dict)
    outgoing: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    fetched_s: float = 0.0
    expires_s: float = 0.0
    etag: str | None = None

    def find(self, kid: str, now_s: float) -> str | None:
        """The PEM of key *kid*, if it is believed."""
        if kid in self.listed:
            return self.listed[kid]
        pem, until_s = self.outgoing.get(kid, ("", 0.0))
        return pem if now_s < until_s else None

    def age_s(self, now_s: float) -> float:
        """Seconds since Google last confirmed the list."""
        return now_s - self.fetched_s

    @property
    def empty(self) -> bool:
        """Whether there has never been a list: nobody can be verified."""
        return not self.listed


def with_list(ring: KeyRing, fetched: KeyList, now_s: float) -> KeyRing:
    """*ring* with a new list: what that has not goes on until the list that had it expires."""
    left = {kid: (pem, ring.expires_s) for kid, pem in ring.listed.items()}
    outgoing = {
        kid: (pem, until_s)
        for kid, (pem, until_s) in {**ring.outgoing, **left}.items()
        if until_s > now_s and kid not in fetched.keys
    }
    return KeyRing(
        listed=dict(fetched.keys),
        outgoing=outgoing,
        fetched_s=now_s,
        expires_s=now_s + _kept_s(fetched.max_age_s),
        etag=fetched.etag,
    )


def confirmed(ring: KeyRing, max_age_s: float | None, now_s: float) -> KeyRing:
    """*ring* after Google has said that its list is still the same."""
    return replace(ring, fetched_s=now_s, expires_s=now_s + _kept_s(max_age_s))


def next_look_s(ring: KeyRing, failures: int, now_s: float, swing: float) -> float:
    """Seconds until the next look; *swing* is random, from -1 to 1.

    *failures*: looks that failed since the last good one.
    """
    if failures:
        wait_s = min(RETRY_S * (1 << min(failures - 1, 10)), RETRY_MAX_S)
    else:
        wait_s = max(SOONEST_S, min(REFRESH_S, ring.expires_s - now_s))
    return wait_s * (1 + JITTER * swing)


def ailment(ring: KeyRing, now_s: float, error: str) -> str:
    """What an operator should know, in words; empty if all is well."""
    if ring.empty:
        return f"Google's keys were never read: {error}" if error else ""
    if ring.age_s(now_s) > STALE_S:
        return f"Google's keys are {ring.age_s(now_s) / 3600:.0f} h old: {error}"
    return ""


def _kept_s(max_age_s: float | None) -> float:
    return min(REFRESH_S if max_age_s is None else max(0.0, max_age_s), LONGEST_S)
