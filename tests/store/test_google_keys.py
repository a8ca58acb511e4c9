"""Google's JWK set over HTTP: what is taken of it, and what becomes of slow and broken answers."""

from __future__ import annotations

import json

import pytest
from touchline.domain.google_keys import KeyList
from touchline.issuer.server import KEYS, Issuer
from touchline.store.google_keys import KEYS_MAX, GoogleKeys
from touchline.store.web import BODY_MAX, NoAnswer, Web


@pytest.fixture
def google(issuer: Issuer) -> GoogleKeys:
    return GoogleKeys(issuer.url + KEYS)


def fetched(google: GoogleKeys, etag: str | None = None) -> KeyList:
    found = google.fetch(etag)
    assert isinstance(found, KeyList)
    return found


def test_the_list_is_read_with_how_long_it_may_be_kept(issuer: Issuer, google: GoogleKeys) -> None:
    found = fetched(google)

    assert list(found.keys) == [issuer.keys.current.kid]
    assert found.max_age_s == 21_600
    assert found.keys[issuer.keys.current.kid].startswith("-----BEGIN PUBLIC KEY-----")


def test_after_a_rotation_both_keys_are_there(issuer: Issuer, google: GoogleKeys) -> None:
    before = fetched(google)
    new = issuer.keys.rotate()

    after = fetched(google, before.etag)

    assert set(after.keys) == {*before.keys, new.kid}


def test_a_list_that_is_still_the_same_is_not_sent_again(
    issuer: Issuer, google: GoogleKeys
) -> None:
    issuer.mood.max_age_s = 100

    assert google.fetch(fetched(google).etag) == 100.0


@pytest.mark.parametrize(
    ("header", "max_age_s"),
    [(None, None), (0, 0.0), (60, 60.0)],
)
def test_how_long_it_may_be_kept_is_its_senders_choice(
    issuer: Issuer, google: GoogleKeys, header: int | None, max_age_s: float | None
) -> None:
    issuer.mood.max_age_s = header

    assert fetched(google).max_age_s == max_age_s


RSA = {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"{}",
        b'{"keys": 5}',
        b'{"keys": []}',
        b'{"keys": [5]}',
        json.dumps({"keys": [RSA]}).encode(),  # of 17 bits
        json.dumps({"keys": [RSA | {"n": "_" * 12_000}]}).encode(),
        json.dumps({"keys": [RSA | {"kty": "EC"}]}).encode(),
        b'{"keys": [' + b" " * BODY_MAX + b"]}",
    ],
)
def test_an_answer_without_a_key_that_could_be_used_is_none(
    issuer: Issuer, google: GoogleKeys, body: bytes
) -> None:
    issuer.mood.body = body

    with pytest.raises(NoAnswer):
        google.fetch(None)


def test_one_key_that_is_broken_does_not_cost_the_others(
    issuer: Issuer, google: GoogleKeys
) -> None:
    good = issuer.keys.current.jwk
    odd = [RSA, good | {"kid": ""}, good | {"kid": "enc", "use": "enc"}, {"kty": "OKP", "kid": "x"}]
    issuer.mood.body = json.dumps({"keys": [*odd, good]}).encode()

    assert list(fetched(google).keys) == [good["kid"]]


def test_a_list_without_an_end_is_read_to_a_bound(issuer: Issuer, google: GoogleKeys) -> None:
    good = issuer.keys.current.jwk
    many = [good | {"kid": f"k{number}"} for number in range(KEYS_MAX + 5)]
    issuer.mood.body = json.dumps({"keys": many}).encode()

    assert len(fetched(google).keys) == KEYS_MAX


@pytest.mark.parametrize("status", [301, 404, 429, 500, 503])
def test_any_other_status_is_no_answer(issuer: Issuer, google: GoogleKeys, status: int) -> None:
    issuer.mood.status = status

    with pytest.raises(NoAnswer, match=f"HTTP {status}"):
        google.fetch(None)


def test_a_google_that_hangs_is_waited_for_no_longer_than_said(issuer: Issuer) -> None:
    issuer.mood.hang_s = 30.0
    google = GoogleKeys(issuer.url + KEYS, Web(total_s=0.2))

    with pytest.raises(NoAnswer):
        google.fetch(None)

    issuer.mood.recover()
    assert fetched(google)


def test_nobody_there_is_no_answer(issuer: Issuer, google: GoogleKeys) -> None:
    issuer.stop()

    with pytest.raises(NoAnswer):
        google.fetch(None)
