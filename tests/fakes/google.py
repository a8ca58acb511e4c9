"""Google for tests: the issuer, without HTTP where nobody asks for it."""

from __future__ import annotations

import json
from functools import cache

from touchline.domain.google_claims import GoogleRules
from touchline.domain.google_keys import KeyList, KeyRing, with_list
from touchline.issuer.server import NAME, Issuer
from touchline.store.google_keys import Shelf, keys_in

CLIENT = "page.apps.example"


@cache
def issuer() -> Issuer:
    """One that does not listen; made once, for keys take long."""
    return Issuer(port=1)


def rules() -> GoogleRules:
    """Believe the issuer alone."""
    return GoogleRules(frozenset({CLIENT}), frozenset({NAME}))


def shelf_of(of: Issuer, now_s: float) -> Shelf:
    """A shelf with all that the issuer tells of its keys."""
    shelf = Shelf()
    found = keys_in(json.dumps(of.keys.as_jwks()).encode())
    shelf.ring = with_list(KeyRing(), KeyList(found), now_s)
    return shelf
