"""What it costs to believe a token, in µs of CPU; part of bench/http.py."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from touchline.domain.google_claims import GoogleIdentity  # noqa: E402
from touchline.http.google_tokens import GoogleTokens  # noqa: E402
from touchline.http.keys import new_keypair  # noqa: E402
from touchline.http.tokens import Claims, Signer, Verifier  # noqa: E402

from tests.fakes.google import CLIENT, issuer, rules, shelf_of  # noqa: E402 — the path makes it importable

NONCE = "n-1"
PARTS = 5  #: the best of so many counts, for others use the machine as well


def token_costs(checks: int) -> dict[str, float]:
    """By what is verified."""
    private_key, public_keys = new_keypair()
    signer, verifier = Signer(private_key), Verifier(public_keys)
    fresh = iter([signer.access_token(user, "session") for user in range(1, checks + 1)])
    known = signer.access_token(1, "session")
    google = issuer()
    tokens = GoogleTokens(shelf_of(google, time.monotonic()), lambda _: None, rules())
    id_token = google.token("ada@example.com", CLIENT, NONCE)
    return {
        "Google's ID token": cost(
            lambda: isinstance(tokens.identify(id_token, NONCE), GoogleIdentity), checks
        ),
        "access token, new": cost(lambda: isinstance(verifier.access(next(fresh)), Claims), checks),
        "access token, known": cost(lambda: isinstance(verifier.access(known), Claims), checks),
    }


def cost(check: Callable[[], bool], count: int) -> float:
    """µs of CPU for one *check*. Raises RuntimeError if any does not hold."""
    each = count // PARTS
    best = min(_timed(check, each) for _ in range(PARTS))
    return round(1e6 * best / each, 1)


def _timed(check: Callable[[], bool], count: int) -> float:
    began = time.process_time()
    if not all(check() for _ in range(count)):
        raise RuntimeError("a token that should be believed was not")
    return time.process_time() - began
