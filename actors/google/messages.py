"""Messages of the `google-verifier`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchDue:
    """The verifier's own timer: time to ask Google for its keys."""


@dataclass(frozen=True, slots=True)
class KeyMissed:
    """A sign-in, as an ask: a token names the key *kid*, which is not on the shelf.

    The answer says only that whatever can be done has been done.
    """

    kid: str


GoogleVerifierMessage = FetchDue | KeyMissed
