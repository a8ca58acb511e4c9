"""Google's tokens end to end but for HTTP: the signature, the key id, the algorithm, the claims."""

from __future__ import annotations

import base64
import hmac
import json
import time
from dataclasses import dataclass, field

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.google_claims import GoogleIdentity, GoogleRefused
from touchline.domain.google_keys import FORCED_S
from touchline.http.google_tokens import TOKEN_MAX, GoogleTokens
from touchline.issuer.keys import SigningKey
from touchline.issuer.server import NAME
from touchline.store.google_keys import Shelf

from tests.fakes.google import CLIENT, issuer, rules, shelf_of

EMAIL, NONCE = "ada@example.com", "n-1"


@dataclass
class Door:
    """A verifier with the issuer's keys, that notes which others it looks for."""

    shelf: Shelf = field(default_factory=lambda: shelf_of(issuer(), time.monotonic()))
    looked_for: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = GoogleTokens(self.shelf, self.looked_for.append, rules())

    def refuses(self, token: str, code: str = "GOOGLE_TOKEN_INVALID") -> bool:
        found = self.tokens.identify(token, NONCE)
        return isinstance(found, GoogleRefused) and found.code == code


@pytest.fixture(scope="module")
def door() -> Door:
    return Door()


def good(**changes: object) -> str:
    return issuer().token(EMAIL, CLIENT, NONCE, **changes)


def parts(*segments: object) -> str:
    """An unsigned token of these segments."""
    raw = [s if isinstance(s, bytes) else json.dumps(s).encode() for s in segments]
    return ".".join(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in raw)


def test_a_good_token_is_believed(door: Door) -> None:
    found = door.tokens.identify(good(), NONCE)

    assert isinstance(found, GoogleIdentity)
    assert (found.issuer, found.email) == (NAME, EMAIL)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": None},
        {"azp": "another"},
        {"nonce": "another"},
        {"iat": "now"},
        {"exp": None},
        {"sub": ""},
    ],
    ids=str,
)
def test_a_signed_token_with_one_wrong_claim_is_refused(
    door: Door, changes: dict[str, object]
) -> None:
    assert door.refuses(good(**changes))


@pytest.mark.parametrize(
    "offsets", [{"exp": -60, "iat": -120}, {"iat": 60}, {"iat": -3600}], ids=str
)
def test_a_signed_token_of_another_time_is_refused(door: Door, offsets: dict[str, int]) -> None:
    now = int(time.time())
    assert door.refuses(good(**{claim: now + offset for claim, offset in offsets.items()}))


def test_an_unverified_address_is_told_apart(door: Door) -> None:
    assert door.refuses(good(email_verified=False), "EMAIL_NOT_VERIFIED")


def test_the_public_key_used_as_a_shared_secret_is_refused(door: Door) -> None:
    kid = issuer().keys.current.kid
    claims = issuer().claims(EMAIL, CLIENT, NONCE)

    for secret in (door.shelf.ring.listed[kid].encode(), b""):
        # By hand: PyJWT will not use a PEM so.
        signed = parts({"alg": "HS256", "kid": kid}, claims)
        mac = hmac.digest(secret, signed.encode(), "sha256")
        assert door.refuses(f"{signed}.{parts(mac)}")


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "RS384", "RS512", "PS256", "ES256", 5])
def test_no_other_algorithm_is_so_much_as_tried(door: Door, alg: object) -> None:
    header, claims, signature = good().split(".")
    said = json.loads(base64.urlsafe_b64decode(header + "=="))

    assert door.refuses(f"{parts(said | {'alg': alg})}.{claims}.{signature}")
    assert door.refuses(f"{parts(said | {'alg': alg})}.{claims}.")


def test_for_another_algorithm_no_key_is_looked_for() -> None:
    door = Door()
    _, claims, signature = good().split(".")

    assert door.refuses(f"{parts({'alg': 'ES256', 'kid': 'new'})}.{claims}.{signature}")

    assert door.looked_for == []


@pytest.mark.parametrize("kid", [None, "", 5, ["a"], {"a": 1}])
def test_a_token_that_names_no_key_is_not_tried_with_all_of_them(door: Door, kid: object) -> None:
    key = issuer().keys.current
    header, claims, _ = good().split(".")
    said = json.loads(base64.urlsafe_b64decode(header + "==")) | {"kid": kid}
    signed = f"{parts(said)}.{claims}".encode()
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        signed, key._key
    )

    token = signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")

    assert door.refuses(token.decode())


def test_a_strangers_signature_under_googles_key_id_is_refused(door: Door) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = issuer().claims(EMAIL, CLIENT, NONCE)

    assert door.refuses(jwt.encode(claims, stranger, "RS256", {"kid": issuer().keys.current.kid}))


def test_a_key_that_comes_inside_the_token_is_not_used(door: Door) -> None:
    stranger = SigningKey()
    claims = issuer().claims(EMAIL, CLIENT, NONCE)
    kid = issuer().keys.current.kid

    assert door.refuses(stranger.sign(claims, kid=kid, jwk=stranger.jwk))
    assert door.refuses(stranger.sign(claims, kid=kid, jku="https://evil.example/jwks"))


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    door, token = Door(), good()
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCabc012_-."))
    changed = token[:place] + other + token[place + 1 :]

    found = door.tokens.identify(changed, NONCE)

    if isinstance(found, GoogleIdentity):
        # The last character of a segment has bits that nobody reads.
        assert _meaning(changed) == _meaning(token)


def _meaning(token: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(part + "==") for part in token.split(".")]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.one_of(st.text(max_size=300), st.lists(JSON, min_size=3, max_size=3)))
def test_nonsense_is_refused_and_breaks_nothing(nonsense: object) -> None:
    token = nonsense if isinstance(nonsense, str) else parts(*nonsense)  # type: ignore[misc]

    assert Door().refuses(token)


@given(st.dictionaries(st.sampled_from(["iss", "aud", "azp", "exp", "iat", "sub", "nonce"]), JSON))
def test_signed_nonsense_breaks_nothing_either(changes: dict[str, object]) -> None:
    claims = issuer().claims(EMAIL, CLIENT, NONCE) | changes

    found = Door().tokens.identify(issuer().keys.current.sign(claims), NONCE)

    if isinstance(found, GoogleIdentity):
        said = issuer().claims(EMAIL, CLIENT, NONCE) | changes
        assert (said["iss"], said["aud"], said["nonce"]) == (NAME, CLIENT, NONCE)
        assert found.subject == said["sub"]


@pytest.mark.parametrize("token", ["[" * 5000, "a" * (TOKEN_MAX + 1), "..", "", "a.b.c", "a.b.c.d"])
def test_what_is_no_token_is_refused(door: Door, token: str) -> None:
    assert door.refuses(token)
    assert door.refuses(parts(b"[" * 2000, b"{}", b""))


def test_a_key_that_is_not_known_is_looked_for_and_then_refused() -> None:
    door, key = Door(), SigningKey()

    assert door.refuses(key.sign(issuer().claims(EMAIL, CLIENT, NONCE)))

    assert door.looked_for == [key.kid]


def test_what_the_look_brought_is_used_at_once() -> None:
    shelf, looks = Shelf(), []

    def look(kid: str) -> None:
        looks.append(kid)
        shelf.ring = shelf_of(issuer(), time.monotonic()).ring

    found = GoogleTokens(shelf, look, rules()).identify(good(), NONCE)

    assert isinstance(found, GoogleIdentity)
    assert looks == [issuer().keys.current.kid]


def test_made_up_key_ids_are_not_looked_for_in_the_quiet_minute() -> None:
    door = Door()
    door.shelf.quiet_until_s = time.monotonic() + FORCED_S

    assert door.refuses(SigningKey().sign(issuer().claims(EMAIL, CLIENT, NONCE)))

    assert door.looked_for == []


def test_without_any_key_it_is_our_fault_and_not_the_tokens() -> None:
    assert Door(Shelf()).refuses(good(), "GOOGLE_KEYS_UNAVAILABLE")


def test_the_issuers_keys_are_what_it_signs_with(door: Door) -> None:
    pem = door.shelf.ring.listed[issuer().keys.current.kid]

    assert serialization.load_pem_public_key(pem.encode())
