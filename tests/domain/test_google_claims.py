"""A Google token's claims: each one that is wrong keeps everybody out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.google_claims import (
    FRESH_S,
    SKEW_S,
    GoogleIdentity,
    GoogleRefused,
    GoogleRules,
    identity_of,
)

NOW = 1_800_000_000
RULES = GoogleRules(frozenset({"page", "app"}))
GOOD: dict[str, object] = {
    "iss": "https://accounts.google.com",
    "aud": "page",
    "azp": "page",
    "sub": "110169484474386276334",
    "email": "ada@example.com",
    "email_verified": True,
    "nonce": "n-1",
    "iat": NOW - 1,
    "exp": NOW + 3599,
}


def judged(
    changes: dict[str, object], rules: GoogleRules = RULES
) -> GoogleIdentity | GoogleRefused:
    claims = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    return identity_of(claims, rules, "n-1", NOW)


def test_a_good_token_says_who_it_is() -> None:
    assert judged({}) == GoogleIdentity(
        "https://accounts.google.com", "110169484474386276334", "ada@example.com"
    )


def test_both_names_of_google_are_one_issuer() -> None:
    assert judged({"iss": "accounts.google.com"}) == judged({})


def test_it_may_be_for_any_of_our_clients_and_have_no_azp() -> None:
    assert judged({"aud": "app", "azp": ...}) == judged({})


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ...},
        {"iss": "https://evil.example"},
        {"iss": "https://accounts.google.com/"},
        {"iss": ["https://accounts.google.com"]},
        {"aud": ...},
        {"aud": "another"},
        {"aud": ["page"]},
        {"aud": ["page", "another"]},
        {"aud": None},
        {"azp": "another"},
        {"azp": None},
        {"sub": ...},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 110169484474386276334},
        {"email": ...},
        {"email": "ada"},
        {"email": 5},
        {"email": "a" * 250 + "@x.com"},
        {"nonce": ...},
        {"nonce": "n-2"},
        {"nonce": None},
        {"exp": ...},
        {"exp": NOW - SKEW_S - 1},
        {"exp": "never"},
        {"exp": math.nan},
        {"exp": math.inf},
        {"exp": True},
        {"iat": ...},
        {"iat": NOW + SKEW_S + 1},
        {"iat": NOW - FRESH_S - SKEW_S - 1},
        {"iat": math.nan},
        {"iat": "now"},
        {"nbf": NOW + SKEW_S + 1},
        {"nbf": "then"},
    ],
    ids=str,
)
def test_one_wrong_claim_is_enough(changes: dict[str, object]) -> None:
    refused = judged(changes)

    assert isinstance(refused, GoogleRefused)
    assert refused.code == "GOOGLE_TOKEN_INVALID"


@pytest.mark.parametrize("verified", [..., False, None, "true", 1])
def test_an_address_must_be_verified_and_said_to_be_so_in_json(verified: object) -> None:
    refused = judged({"email_verified": verified})

    assert isinstance(refused, GoogleRefused)
    assert refused.code == "EMAIL_NOT_VERIFIED"


@pytest.mark.parametrize(
    "changes", [{"exp": NOW - SKEW_S}, {"iat": NOW + SKEW_S}, {"iat": NOW - FRESH_S - SKEW_S}]
)
def test_clocks_may_differ_by_ten_seconds(changes: dict[str, object]) -> None:
    assert isinstance(judged(changes), GoogleIdentity)


def test_no_nonce_of_ours_is_no_nonce() -> None:
    refused = identity_of(GOOD | {"nonce": ""}, RULES, "", NOW)

    assert isinstance(refused, GoogleRefused)


@pytest.mark.parametrize(
    ("changes", "welcome"),
    [({"hd": "club.example"}, True), ({}, False), ({"hd": "other.example"}, False)],
)
def test_a_domain_counts_by_the_claim_and_not_by_the_address(
    changes: dict[str, object], welcome: bool
) -> None:
    rules = GoogleRules(frozenset({"page"}), domains=frozenset({"club.example"}))

    found = judged({"email": "ada@club.example"} | changes, rules)

    assert isinstance(found, GoogleIdentity) == welcome
    if isinstance(found, GoogleRefused):
        assert found.code == "DOMAIN_NOT_ALLOWED"


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=2),
    st.just(...),
)


@given(st.dictionaries(st.sampled_from([*GOOD, "nbf", "hd", "picture"]), VALUES, max_size=4))
def test_whatever_a_token_says_nobody_is_signed_in_as_somebody_else(
    changes: dict[str, object],
) -> None:
    found = judged(changes)

    said = GOOD | changes
    if isinstance(found, GoogleIdentity):
        assert (found.subject, found.email) == (said["sub"], said["email"])
        assert said["aud"] in RULES.client_ids
        assert said["nonce"] == "n-1"
        assert said["email_verified"] is True
