"""What it costs to believe a token, in µs of CPU; part of bench/http.py."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from touchline.domain.google_claims import GoogleIdentity, GoogleRules
from touchline.domain.google_keys import KeyList, KeyRing, with_list
from touchline.http.google_tokens import GoogleTokens
from touchline.http.keys import new_keypair
from touchline.http.tokens import Claims, Signer, Verifier
from touchline.issuer.server import NAME, Issuer
from touchline.store.google_keys import Shelf, _keys

CLIENT, NONCE = "bench.apps.example", "n-1"
PARTS = 5  #: the best of so many counts, for others use the machine as well


def token_costs(checks: int) -> dict[str, float]:
    """By what is verified."""
    private_key, public_keys = new_keypair()
    signer, verifier = Signer(private_key), Verifier(public_keys)
    fresh = iter([signer.access_token(user, "session") for user in range(1, checks + 1)])
    known = signer.access_token(1, "session")
    google, tokens = google_tokens()
    id_token = google.token("ada@example.com", CLIENT, NONCE)
    return {
        "Google's ID token": cost(
            lambda: isinstance(tokens.identify(id_token, NONCE), GoogleIdentity), checks
        ),
        "access token, new": cost(lambda: isinstance(verifier.access(next(fresh)), Claims), checks),
        "access token, known": cost(lambda: isinstance(verifier.access(known), Claims), checks),
    }


def google_tokens() -> tuple[Issuer, GoogleTokens]:
    """Somebody who signs as Google does, and a verifier that has the keys already."""
    issuer, shelf = Issuer(port=1), Shelf()
    keys = _keys(json.dumps(issuer.keys.as_jwks()).encode())
    shelf.ring = with_list(KeyRing(), KeyList(keys), time.monotonic())
    rules = GoogleRules(frozenset({CLIENT}), frozenset({NAME}))
    return issuer, GoogleTokens(shelf, lambda _: None, rules)


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
