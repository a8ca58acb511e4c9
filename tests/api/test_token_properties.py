"""Own tokens under whatever anybody makes of them: nothing breaks, and nobody becomes another."""

from __future__ import annotations

import base64
import json
import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.http.keys import new_keypair, read_private_key
from touchline.http.tokens import Claims, Signer, TokenRefused, Verifier

PRIVATE, PUBLIC = new_keypair()
STRANGER, _ = new_keypair()
KID = json.loads(PUBLIC)["keys"][0]["kid"]
SIGNER, VERIFIER = Signer(PRIVATE), Verifier(PUBLIC)
KINDS = ("access", "ws")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def made(kind: str) -> str:
    return SIGNER.access_token(7, "s") if kind == "access" else SIGNER.ws_token(7, "s")


def read(kind: str, token: str) -> Claims | TokenRefused:
    return VERIFIER.access(token) if kind == "access" else VERIFIER.ws(token)


def said(kind: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(made(kind), options={"verify_signature": False})
    return claims


def signed(payload: object, header: dict[str, object], key: str = PRIVATE) -> str:
    """Anything at all under a good signature."""
    raw = json.dumps(payload).encode()
    return jwt.api_jws.encode(raw, read_private_key(key), "EdDSA", header)


def head(kind: str) -> dict[str, object]:
    return dict(jwt.get_unverified_header(made(kind)))


def meaning(token: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(part + "==") for part in token.split(".")]


@given(st.sampled_from(KINDS), st.data())
def test_a_token_with_any_character_changed_is_refused(kind: str, data: st.DataObject) -> None:
    token = made(kind)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + data.draw(st.sampled_from("ABCabc012_-.")) + token[place + 1 :]

    if isinstance(read(kind, changed), Claims):
        # The last character of a segment has bits that nobody reads.
        assert meaning(changed) == meaning(token)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(sorted(said("ws"))), JSON))
def test_whatever_is_signed_with_our_key_breaks_nothing(
    kind: str, changes: dict[str, object]
) -> None:
    claims = said(kind) | changes

    found = read(kind, signed(claims, head(kind)))

    if isinstance(found, Claims):
        assert str(found.user) == claims["sub"]
        assert (claims["iss"], claims["aud"]) == ("touchline", said(kind)["aud"])
        assert found.expires_at > time.time() - 6


@given(st.sampled_from(KINDS), st.one_of(JSON, st.lists(JSON)))
def test_a_payload_that_is_no_object_breaks_nothing(kind: str, payload: object) -> None:
    assert isinstance(read(kind, signed(payload, head(kind))), TokenRefused)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(["typ", "crit", "b64", "x"]), JSON))
def test_only_the_right_kind_of_header_will_do(kind: str, changes: dict[str, object]) -> None:
    try:
        token = signed(said(kind), head(kind) | changes)
    except (TypeError, jwt.PyJWTError):
        return  # nobody can make such a token with this library

    if isinstance(read(kind, token), Claims):
        assert (head(kind) | changes)["typ"] == head(kind)["typ"]


@given(st.sampled_from(KINDS), st.one_of(st.text(max_size=200), st.lists(JSON, max_size=4)))
def test_nonsense_is_refused(kind: str, nonsense: object) -> None:
    if isinstance(nonsense, list):
        parts = [base64.urlsafe_b64encode(json.dumps(each).encode()) for each in nonsense]
        nonsense = b".".join(part.rstrip(b"=") for part in parts).decode()

    assert isinstance(read(kind, str(nonsense)), TokenRefused)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alg", ["none", "None", "HS256", "RS256", "ES256", "Ed25519", "", 5, None])
def test_no_other_algorithm_is_so_much_as_tried(kind: str, alg: object) -> None:
    _, claims, signature = made(kind).split(".")
    raw = json.dumps(head(kind) | {"alg": alg}).encode()
    header = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    for end in (signature, ""):
        assert isinstance(read(kind, f"{header}.{claims}.{end}"), TokenRefused)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kid", [None, "", "x", 5, [KID], {"kid": KID}])
def test_a_key_is_one_that_is_named_and_known(kind: str, kid: object) -> None:
    _, claims, signature = made(kind).split(".")
    raw = json.dumps(head(kind) | {"kid": kid}).encode()
    header = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    assert isinstance(read(kind, f"{header}.{claims}.{signature}"), TokenRefused)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_comes_inside_the_token_is_not_used(kind: str) -> None:
    jwk = json.loads(PUBLIC)["keys"][0]

    for header in ({"jwk": jwk}, {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil"}):
        token = signed(said(kind), head(kind) | header, key=STRANGER)
        assert isinstance(read(kind, token), TokenRefused)
