"""Sign-in with Google, put together: the actor that keeps its keys, and what HTTP is given."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

from ..actors.address import Address, Addresses
from ..actors.child import Child
from ..actors.errors import AskTimeout, Undelivered
from ..actors.google.google_verifier import WAITING, GoogleVerifier
from ..actors.google.messages import GoogleVerifierMessage, KeyMissed
from ..actors.mailbox import Policy
from ..config import GoogleSettings
from ..domain.google_claims import GoogleRules
from ..http.google import GoogleSignIn
from ..http.google_tokens import GoogleTokens
from ..store.google_code import GoogleClient, GoogleCode
from ..store.google_keys import GoogleKeys, Shelf
from ..store.oauth import OAuth
from .stores import Stores

VERIFIER = "google-verifier"
LOOK_S = 4.0  #: seconds a sign-in waits for a look at Google's keys, which takes 3 at most


@dataclass(frozen=True, slots=True)
class Google:
    """What one process needs to sign people in with Google."""

    settings: GoogleSettings
    #: Outlives the actor: its successor finds the keys, and sign-ins go on meanwhile.
    shelf: Shelf = field(default_factory=Shelf)

    def child(self) -> Child:
        """The child that keeps the keys; without it nothing but these sign-ins is missing."""
        source, shelf = GoogleKeys(self.settings.keys_url), self.shelf
        return Child(
            VERIFIER,
            lambda: GoogleVerifier(source, shelf, time.monotonic),
            parkable=True,
            bound=WAITING,
            policy=Policy.DROP_NEW,
        )

    def sign_in(self, stores: Stores, addresses: Addresses) -> GoogleSignIn:
        """What the HTTP side is given."""
        chosen = self.settings
        rules = GoogleRules(
            frozenset(chosen.client_ids), frozenset(chosen.issuers), frozenset(chosen.domains)
        )
        client = GoogleClient(chosen.client_ids[0], chosen.client_secret, chosen.token_url)
        verifier = addresses.of(VERIFIER)
        return GoogleSignIn(
            tokens=GoogleTokens(self.shelf, lambda kid: _look(verifier, kid), rules),
            oauth=OAuth(stores.redis, stores.keys),
            code=GoogleCode(client) if chosen.client_secret else None,
            auth_url=chosen.auth_url,
            client_id=client.client_id,
            origins=chosen.origins,
        )


def _look(verifier: Address[GoogleVerifierMessage], kid: str) -> None:
    # Too many at once, too slow, or the verifier is down: the key is as unknown as before.
    with suppress(AskTimeout, Undelivered):
        verifier.ask(KeyMissed(kid), LOOK_S)
