"""Own tokens under whatever anybody makes of them: nothing breaks, and nobody becomes another."""

from __future__ import annotations

import base64
import hmac
import json
import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.http.algorithms import ALGORITHMS
from touchline.http.keys import new_keypair, read_private_key
from touchline.http.tokens import LEEWAY_S, Claims, Signer, TokenRefused, Verifier

PAIRS = {algorithm: new_keypair(algorithm) for algorithm in ALGORITHMS}
PRIVATE, PUBLIC = PAIRS["EdDSA"]
STRANGER, _ = new_keypair()
KID = json.loads(PUBLIC)["keys"][0]["kid"]
SIGNER, VERIFIER = Signer(PRIVATE), Verifier(PUBLIC)
#: All three keys are in force at once, as in the middle of a change of algorithm.
EVERY = Verifier(
    json.dumps(
        {"keys": [key for _, public in PAIRS.values() for key in json.loads(public)["keys"]]}
    )
)
KINDS = ("access", "ws")
CHOICES = st.sampled_from(ALGORITHMS)

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


def signed(
    payload: object, header: dict[str, object], key: str = PRIVATE, algorithm: str = "EdDSA"
) -> str:
    """Anything at all under a good signature."""
    raw = json.dumps(payload).encode()
    header = header | {"alg": algorithm}  # the library would go by what is in the header
    return jwt.api_jws.encode(raw, read_private_key(key), algorithm, header)


def claims_of(kind: str) -> dict[str, object]:
    return said(kind)


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


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def jwk_of(algorithm: str) -> dict[str, str]:
    jwk: dict[str, str] = json.loads(PAIRS[algorithm][1])["keys"][0]
    return jwk


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_of_each_kind_signs_what_the_others_verifiers_refuse(algorithm: str) -> None:
    private, public = PAIRS[algorithm]
    access, ws = Signer(private).access_token(7, "s"), Signer(private).ws_token(7, "s")

    for verifier in (Verifier(public), EVERY):
        assert isinstance(verifier.access(access), Claims)
        assert isinstance(verifier.ws(ws), Claims)
    for other in set(ALGORITHMS) - {algorithm}:
        assert isinstance(Verifier(PAIRS[other][1]).access(access), TokenRefused)
    assert jwt.get_unverified_header(access)["alg"] == algorithm


@given(
    CHOICES,
    CHOICES,
    st.sampled_from([*ALGORITHMS, "RS384", "RS512", "PS256", "ES384", "ES512", "HS256", "none"]),
)
def test_a_token_goes_by_its_keys_own_algorithm_and_no_other(
    signs: str, named: str, said: str
) -> None:
    """Signed by one key, under the name of another, and calling its algorithm what it likes."""
    header = head("access") | {"kid": jwk_of(named)["kid"]}
    token = signed(claims_of("access"), header, PAIRS[signs][0], signs)
    _, claims, signature = token.split(".")
    forged = f"{encoded(header | {'alg': said})}.{claims}.{signature}"

    found = EVERY.access(forged)

    assert isinstance(found, TokenRefused) or signs == named == said


@given(CHOICES, st.sampled_from(["HS256", "HS384", "HS512"]), st.data())
def test_nothing_that_is_public_of_a_key_works_as_a_shared_secret(
    named: str, hmac_algorithm: str, data: st.DataObject
) -> None:
    jwk = jwk_of(named)
    members = [jwk[name] for name in ("x", "y", "n", "kid") if name in jwk]
    secrets = [json.dumps(jwk).encode(), PAIRS[named][1].encode(), *(m.encode() for m in members)]
    secrets += [base64.urlsafe_b64decode(member + "==") for member in members]
    secret = data.draw(st.sampled_from(secrets))
    parts = [encoded({**head("access"), "alg": hmac_algorithm, "kid": jwk["kid"]})]
    parts.append(encoded(claims_of("access")))
    mac = hmac.digest(secret, ".".join(parts).encode(), hmac_algorithm.replace("HS", "sha"))
    parts.append(base64.urlsafe_b64encode(mac).rstrip(b"=").decode())

    assert isinstance(EVERY.access(".".join(parts)), TokenRefused)


@given(
    CHOICES,
    st.sampled_from(KINDS),
    st.integers(-400 * 86_400, 400 * 86_400),
    st.integers(-400 * 86_400, 400 * 86_400),
    st.integers(-400 * 86_400, 400 * 86_400),
)
def test_a_token_is_good_from_its_beginning_to_its_end_and_five_seconds_around(
    algorithm: str, kind: str, issued: int, begins: int, ends: int
) -> None:
    now = int(time.time())
    times = {"iat": now + issued, "nbf": now + begins, "exp": now + ends}
    header = head(kind) | {"kid": jwk_of(algorithm)["kid"]}
    token = signed(claims_of(kind) | times, header, PAIRS[algorithm][0], algorithm)

    found = EVERY.access(token) if kind == "access" else EVERY.ws(token)

    if isinstance(found, Claims):
        assert issued <= LEEWAY_S + 1
        assert begins <= LEEWAY_S + 1
        assert ends > -LEEWAY_S - 1
    else:
        assert max(issued, begins) > LEEWAY_S - 1 or ends <= -LEEWAY_S + 1


@given(CHOICES, st.sampled_from(KINDS), st.text(max_size=8) | st.lists(st.text(max_size=4)))
def test_a_token_for_anybody_else_is_refused(algorithm: str, kind: str, audience: object) -> None:
    header = head(kind) | {"kid": jwk_of(algorithm)["kid"]}
    own = claims_of(kind)["aud"]
    token = signed(claims_of(kind) | {"aud": audience}, header, PAIRS[algorithm][0], algorithm)

    found = EVERY.access(token) if kind == "access" else EVERY.ws(token)

    named = [audience] if isinstance(audience, str) else audience
    assert isinstance(found, TokenRefused) or own in named  # type: ignore[operator]  # a list


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("part", [0, 1, 2])
def test_of_every_kind_a_token_with_a_changed_part_is_refused(algorithm: str, part: int) -> None:
    private, _ = PAIRS[algorithm]
    parts = Signer(private).access_token(7, "s").split(".")
    others = Signer(private).access_token(8, "s").split(".")
    parts[part] = others[part] if part else encoded(head("access") | {"alg": "none"})

    assert isinstance(EVERY.access(".".join(parts)), TokenRefused)
