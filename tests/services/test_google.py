"""Signing in with Google through a running api-server, while Google changes, hangs and breaks."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from touchline.issuer.server import AUTH, KEYS, NAME, TOKEN, Issuer

from tests.fakes.unlimited import UNLIMITED
from tests.processes import Process, ask, eventually

CLIENT = "page.apps.example"


@dataclass
class Front:
    """An api-server that believes *issuer*."""

    url: str
    issuer: Issuer
    service: Process

    def sign_in(self, email: str, sign: Callable[..., str] | None = None) -> Any:
        """The answer to a sign-in; *sign* makes the token in place of the present key."""
        nonce = ask(f"{self.url}/v1/auth/nonce", {})["nonce"]
        claims = self.issuer.claims(email, CLIENT, nonce)
        token = (sign or self.issuer.keys.current.sign)(claims)
        try:
            return ask(f"{self.url}/v1/auth/google", {"id_token": token, "nonce": nonce})
        except urllib.error.HTTPError as refused:
            return json.loads(refused.read())

    def works(self, email: str = "ada@example.com", sign: Callable[..., str] | None = None) -> bool:
        return "access_token" in self.sign_in(email, sign)

    def verifier(self) -> Any:
        """What the health page says of the google-verifier."""
        return _named(ask(f"{self.url}/supervisor", Accept="application/json")["tree"])


def _named(node: Any) -> Any:
    if node["name"] == "google-verifier":
        return node
    found = (_named(child) for child in node.get("children", ()))
    return next((each for each in found if each), None)


@pytest.fixture
def front(
    environment: dict[str, str], private_key: str, free_ports: tuple[int, ...], issuer: Issuer
) -> Iterator[Callable[[], Front]]:
    port, nobody = free_ports[0], free_ports[1]
    settings = environment | {
        "API_PORT": str(port),
        "JWT_PRIVATE_KEY": private_key,
        "WS_PUBLIC_URL": "ws://127.0.0.1:1/ws",
        "SPORTMONKS_URL": f"http://127.0.0.1:{nobody}/v3/football",
        "SPORTMONKS_TOKEN": "any",
        "GOOGLE_CLIENT_IDS": CLIENT,
        "GOOGLE_ISSUERS": NAME,
        "GOOGLE_KEYS_URL": issuer.url + KEYS,
        "GOOGLE_AUTH_URL": issuer.url + AUTH,
        "GOOGLE_TOKEN_URL": issuer.url + TOKEN,
        **UNLIMITED,  # sign-ins are tried until they work again
    }
    with Process("api-server", env=settings) as service:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: ask(f"{url}/readyz")["status"] in ("ready", "degraded"), service)
        yield lambda: Front(url, issuer, service)


def test_google_may_change_its_keys_break_and_hang_and_sign_ins_go_on(
    front: Callable[[], Front], issuer: Issuer
) -> None:
    door = front()
    eventually(door.works, door.service)
    old = issuer.keys.current
    looks = issuer.mood.asked[KEYS]

    new = issuer.keys.rotate()
    assert door.works(sign=new.sign)
    assert door.works(sign=old.sign)
    assert issuer.mood.asked[KEYS] == looks + 1

    issuer.mood.status = 500
    assert door.works()
    issuer.mood.hang_s = 60.0
    assert door.works()
    unknown = issuer.keys.rotate()
    assert door.sign_in("ada@example.com", unknown.sign)["code"] == "GOOGLE_TOKEN_INVALID"
    # Google was not asked for that: the one look of this minute has been.
    assert issuer.mood.asked[KEYS] == looks + 1
    assert door.service.stop() == 0
    assert not [line for line in door.service.lines if "eyJ" in line or "tlr_" in line]


@pytest.fixture
def hung(issuer: Issuer) -> None:
    issuer.mood.hang_s = 60.0


def test_a_google_that_hangs_holds_up_no_boot_and_nothing_but_its_own_sign_ins(
    hung: None, front: Callable[[], Front], issuer: Issuer
) -> None:
    door = front()
    assert door.sign_in("ada@example.com")["code"] == "GOOGLE_KEYS_UNAVAILABLE"
    ailing = eventually(lambda: door.verifier()["detail"]["ailing"], door.service)
    why = ask(f"{door.url}/readyz")["why"]
    assert ask(f"{door.url}/v1/instruments")["data"] == []

    issuer.mood.recover()

    eventually(door.works, door.service)
    assert ailing.startswith("Google's keys were never read: ")
    assert why["google-verifier"] == ailing
    assert door.verifier()["detail"]["ailing"] == ""
