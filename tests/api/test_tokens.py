"""Tokens: what is accepted, what is not, and what may be remembered."""

from __future__ import annotations

import base64
import json
import time

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from touchline.http.algorithms import ALGORITHMS
from touchline.http.keys import new_keypair, public_jwks
from touchline.http.tokens import ACCESS_S, WS_S, Claims, Signer, TokenRefused, Verifier
from touchline.protocol.sessions import KeySet

PRIVATE, PUBLIC = new_keypair()
STRANGER, STRANGERS = new_keypair()


def refused(answer: Claims | TokenRefused) -> str:
    assert isinstance(answer, TokenRefused)
    return answer.reason


def header(token: str) -> dict[str, object]:
    return dict(jwt.get_unverified_header(token))


def forged(claims: dict[str, object] | None = None, **headers: object) -> str:
    """A token signed with our own key that says what a test wants."""
    now = int(time.time())
    said: dict[str, object] = {"iss": "touchline", "sub": "5", "aud": "api"}
    said |= {"iat": now, "nbf": now, "exp": now + 60, "jti": "j", "sid": "s"} | (claims or {})
    key = serialization.load_pem_private_key(PRIVATE.encode(), None)
    kid = json.loads(PUBLIC)["keys"][0]["kid"]
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(said, key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": kid} | headers)


def test_an_access_token_tells_user_session_and_role() -> None:
    token = Signer(PRIVATE).access_token(42, "session-1", role="admin")

    claims = Verifier(PUBLIC).access(token)

    assert isinstance(claims, Claims)
    assert (claims.user, claims.session, claims.role) == (42, "session-1", "admin")


def test_a_ws_token_is_typed_twice_and_lives_a_minute() -> None:
    token = Signer(PRIVATE, now=lambda: 1_800_000_000.0).ws_token(42, "session-1")

    said = jwt.decode(token, options={"verify_signature": False})

    assert header(token)["typ"] == "ws+jwt"
    assert (said["typ"], said["aud"], said["exp"] - said["iat"]) == ("ws", "ws", WS_S)
    assert said["nbf"] == said["iat"]


def test_every_token_has_an_id_of_its_own() -> None:
    signer, verifier = Signer(PRIVATE), Verifier(PUBLIC)

    first, second = (verifier.ws(signer.ws_token(1, "s")) for _ in range(2))

    assert isinstance(first, Claims)
    assert isinstance(second, Claims)
    assert first.token_id != second.token_id


def test_neither_kind_of_token_stands_in_for_the_other() -> None:
    signer, verifier = Signer(PRIVATE), Verifier(PUBLIC)

    assert refused(verifier.access(signer.ws_token(1, "s")))
    assert refused(verifier.ws(signer.access_token(1, "s")))


def test_the_right_audience_in_the_wrong_kind_of_token_is_refused() -> None:
    assert "at+jwt" in refused(Verifier(PUBLIC).access(forged(typ="ws+jwt")))


def test_a_token_past_its_time_is_refused() -> None:
    an_hour_ago = Signer(PRIVATE, now=lambda: time.time() - 3600)

    assert "expired" in refused(Verifier(PUBLIC).access(an_hour_ago.access_token(1, "s")))


def test_what_is_remembered_of_a_token_is_not_believed_past_its_time() -> None:
    clock = [time.time()]
    verifier = Verifier(PUBLIC, now=lambda: clock[0])
    token = Signer(PRIVATE).access_token(1, "s")
    first = verifier.access(token)

    clock[0] += ACCESS_S + 1
    later = verifier.access(token)

    assert later is not first


def test_a_remembered_token_is_not_verified_again() -> None:
    verifier = Verifier(PUBLIC)
    token = Signer(PRIVATE).access_token(1, "s")

    assert verifier.access(token) is verifier.access(token)


def test_a_key_of_somebody_else_is_refused() -> None:
    assert "key" in refused(Verifier(PUBLIC).access(Signer(STRANGER).access_token(1, "s")))


def test_a_strangers_signature_under_our_key_id_is_refused() -> None:
    kid = json.loads(PUBLIC)["keys"][0]["kid"]
    key = serialization.load_pem_private_key(STRANGER.encode(), None)
    said = jwt.decode(Signer(STRANGER).access_token(1, "s"), options={"verify_signature": False})
    token = jwt.encode(said, key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": kid})

    assert refused(Verifier(PUBLIC).access(token))


def test_another_issuer_is_refused() -> None:
    elsewhere = Signer(PRIVATE, issuer="elsewhere")

    assert refused(Verifier(PUBLIC).access(elsewhere.access_token(1, "s")))


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", "sid"])
def test_a_token_without_a_claim_is_refused(claim: str) -> None:
    verifier = Verifier(PUBLIC)

    assert refused(verifier.access(forged({claim: None})))
    assert refused(verifier.ws(forged({"aud": "ws", claim: None}, typ="ws+jwt")))


@pytest.mark.parametrize("subject", ["0", "-1", "ada", "", "9" * 5000, "１"])
def test_only_a_user_can_be_the_subject_and_never_the_treasury(subject: str) -> None:
    assert refused(Verifier(PUBLIC).access(forged({"sub": subject})))


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_from_the_future_is_refused(claim: str) -> None:
    later = forged({claim: int(time.time()) + 3600})

    assert "yet" in refused(Verifier(PUBLIC).access(later))


def test_an_unsigned_token_is_refused() -> None:
    kid = json.loads(PUBLIC)["keys"][0]["kid"]
    head = {"alg": "none", "typ": "at+jwt", "kid": kid}
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (head, {})]

    assert refused(Verifier(PUBLIC).access(b".".join([*parts, b""]).decode()))


def test_the_public_key_used_as_a_shared_secret_is_refused() -> None:
    jwk = json.loads(PUBLIC)["keys"][0]
    secret = base64.urlsafe_b64decode(jwk["x"] + "=")
    said = jwt.decode(forged(), options={"verify_signature": False})
    head = {"typ": "at+jwt", "kid": jwk["kid"]}

    assert refused(Verifier(PUBLIC).access(jwt.encode(said, secret, "HS256", head)))


@pytest.mark.parametrize("text", ["", ".", "a.b.c", "\x00", "é" * 10, "x" * 100_000, "...."])
def test_nonsense_is_refused_and_nothing_breaks(text: str) -> None:
    verifier = Verifier(PUBLIC)

    assert refused(verifier.access(text))
    assert refused(verifier.ws(text))


def test_a_token_whose_key_id_is_not_a_text_is_refused() -> None:
    head = {"alg": "EdDSA", "typ": "at+jwt", "kid": 7}
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (head, {})]

    assert refused(Verifier(PUBLIC).access(b".".join([*parts, b"AAAA"]).decode()))


def test_two_keys_are_accepted_while_one_follows_the_other() -> None:
    both = {"keys": json.loads(PUBLIC)["keys"] + json.loads(STRANGERS)["keys"]}
    verifier = Verifier(json.dumps(both))

    for pem in (PRIVATE, STRANGER):
        assert isinstance(verifier.access(Signer(pem).access_token(1, "s")), Claims)


def test_the_published_keys_verify_and_hold_nothing_private() -> None:
    published = Verifier(PUBLIC).jwks()

    verifier = Verifier(json.dumps(published))

    assert isinstance(verifier.access(Signer(PRIVATE).access_token(1, "s")), Claims)
    assert [set(key) for key in published["keys"]] == [{"kty", "crv", "x", "kid", "use", "alg"}]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_of_every_algorithm_are_published_as_the_document_says(algorithm: str) -> None:
    published = Verifier(new_keypair(algorithm)[1]).jwks()

    (key,) = msgspec.convert(published, KeySet).keys

    assert key.alg == algorithm
    assert msgspec.to_builtins(key) == published["keys"][0]


@pytest.mark.parametrize(
    ("jwks", "says"),
    [
        ("{", "not a JSON Web Key Set"),
        ('{"keys": []}', "1 to 3 keys"),
        ('{"keys": [{"kty": "oct"}]}', "key 0: kty OKP"),
        ('{"keys": [{"kty": "OKP", "crv": "X25519", "x": "AAAA"}]}', "key 0: kty OKP"),
        ('{"keys": [{"kty": "EC", "crv": "P-384"}]}', "key 0: kty OKP"),
        ('{"keys": [{"kty": "RSA"}]}', "key 0: n and e are not"),
        ('{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}', "key 0: n"),
        ('{"keys": [{"kty": "EC", "crv": "P-256", "x": "A", "y": "A"}]}', "key 0: x and y are not"),
        ('{"keys": [{"kty": "RSA", "alg": "PS256"}]}', "key 0: alg is not RS256"),
        ('{"keys": [7]}', "key 0: is not an object"),
        ('{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}', "key 0: x is not"),
        ('{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "A", "d": "A"}]}', "private key"),
    ],
)
def test_a_key_set_that_is_wrong_says_what_is_wrong(jwks: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Verifier(jwks)


@pytest.mark.parametrize("pem", ["", "not a key", PUBLIC])
def test_a_signing_key_that_is_none_is_refused_without_being_quoted(pem: str) -> None:
    with pytest.raises(ValueError, match="the signing key is not") as why:
        Signer(pem)

    assert not pem or pem not in str(why.value)


def test_the_key_id_is_the_thumbprint_of_rfc_8037() -> None:
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }

    published = Verifier(json.dumps({"keys": [jwk]})).jwks()

    assert published["keys"][0]["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1())]
)
def test_a_key_that_is_too_weak_or_of_another_kind_signs_nothing(key: PrivateKeyTypes) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    with pytest.raises(ValueError, match="the signing key is not an Ed25519 key, an RSA key"):
        Signer(pem)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_secrets_of_a_key_are_the_same_wherever_it_is(algorithm: str) -> None:
    private, public = new_keypair(algorithm)

    secrets = {Signer(private).secret_for(purpose) for purpose in ("a", "b", "a")}

    assert {len(secret) for secret in secrets} == {32}
    assert len(secrets) == 2
    assert json.loads(public_jwks(private)) == json.loads(public)


def test_secrets_for_other_purposes_or_keys_differ() -> None:
    signer = Signer(PRIVATE)

    secrets = {signer.secret_for("a"), signer.secret_for("b"), Signer(STRANGER).secret_for("a")}

    assert len(secrets) == 3
    assert Signer(PRIVATE).secret_for("a") in secrets


def test_the_public_set_of_a_private_key_is_the_one_made_with_it() -> None:
    assert json.loads(public_jwks(PRIVATE)) == json.loads(PUBLIC)
