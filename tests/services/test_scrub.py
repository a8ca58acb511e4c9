"""Secrets are taken out of whatever is written down, and nothing else is."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.http.keys import new_keypair
from touchline.http.refresh_tokens import RefreshTokens
from touchline.http.tokens import Signer
from touchline.services.logs import hide_secrets
from touchline.services.scrub import HIDDEN, ITEMS, OVERLAP, SECRET_FIELDS, TEXT, scrub, scrub_text

PRIVATE_KEY, _ = new_keypair()
TOKEN = Signer(PRIVATE_KEY).ws_token(5, "session")
ACCESS = Signer(PRIVATE_KEY).access_token(5, "session")
REFRESH = RefreshTokens(b"k" * 32).first("0192aaaa-0000-7000-8000-000000000000").text
BODY = "".join(PRIVATE_KEY.strip().splitlines()[1:-1])

#: A text with a secret in it, and the secret.
CASES = {
    "jwt": (f"refused {TOKEN} of a client", TOKEN),
    "jwt-cut": (f"refused {TOKEN[:160]}", TOKEN[120:160]),
    "jwt-in-json": (f'{{"x": "{ACCESS}"}}', ACCESS),
    "refresh-token": (f"shown {REFRESH} again", REFRESH),
    "query": ("GET /ws?token=s3cr3t-value HTTP/1.1", "s3cr3t-value"),
    "query-later": ("/ws?a=1&token=s3cr3t-value&b=2", "s3cr3t-value"),
    "api-token": ("https://feed/v3?api_token=s3cr3t-value", "s3cr3t-value"),
    "ticket": ("Sec-WebSocket-Protocol: touchline.v1, ticket.s3cr3t-value", "s3cr3t-value"),
    "header": ("Authorization: Bearer s3cr3t-value", "s3cr3t-value"),
    "header-bare": ("{'Authorization': 's3cr3t-value', 'Accept': 'x'}", "s3cr3t-value"),
    "wsgi": ("{'HTTP_AUTHORIZATION': 'Bearer s3cr3t-value'}", "s3cr3t-value"),
    "bearer": ("sent bearer s3cr3t-value to them", "s3cr3t-value"),
    "basic": ("authorization=Basic czNjcjN0OnZhbHVl", "czNjcjN0OnZhbHVl"),
    "cookie": ("cookie=s3cr3t-value", "s3cr3t-value"),
    "url": ("cannot reach postgresql://user:s3cr3t-value@db:5432/x", "s3cr3t-value"),
    "url-no-user": ("redis://:s3cr3t-value@cache:6379/0", "s3cr3t-value"),
    "url-odd": ("redis://u:s3cr3t/va@lue@cache/0", "va@lue"),
    "libpq": ("host=db user=u password=s3cr3t-value dbname=x", "s3cr3t-value"),
    "libpq-quoted": (r"password='s3cr3t \' value' dbname=x", "value"),
    "repr": ("Settings(password='s3cr3t value', port=1)", "s3cr3t value"),
    "json": ('{"private_key": "s3cr3t \\" value"}', "value"),
    "pem": (f"cannot read {PRIVATE_KEY}", BODY[:40]),
    "pem-escaped": (repr({"key": PRIVATE_KEY}), BODY[:40]),
    "pem-cut": (PRIVATE_KEY[:80], BODY[:20]),
}


@pytest.mark.parametrize(("text", "secret"), CASES.values(), ids=CASES)
def test_a_secret_in_a_text_is_hidden(text: str, secret: str) -> None:
    assert secret in text

    assert secret not in scrub_text(text)
    assert HIDDEN in scrub_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "postgres is away; trades are durable in redis only",
        "connection to server at 127.0.0.1, port 5432 failed: Connection refused",
        "GET http://127.0.0.1:8080/v1/instruments?limit=5",
        'File "/srv/touchline/http/tokens.py", line 93, in ws_token',
        "unexpected status 401: the token was used already",
        "they went to key-value stores; keys, eyes and tickets",
        "another flusher took over: token 5 before 6",
        "ws://h:8081/ws and mail to a@example.com",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert scrub_text(text) == text


def test_around_a_hidden_value_the_line_stays_readable() -> None:
    text = "no answer from postgresql://user:hush@db:5432/x?sslmode=require after 5 s"

    assert scrub_text(text) == text.replace("hush", HIDDEN)


@pytest.mark.parametrize(
    "name", [*SECRET_FIELDS, "api_token", "Authorization", "JWT_PRIVATE_KEY", "X-Api-Key"]
)
def test_a_field_named_like_a_secret_is_hidden_however_deep(name: str) -> None:
    assert scrub({"a": [{name: "plain words"}]}) == {"a": [{name: HIDDEN}]}


def test_a_field_whose_name_only_contains_such_a_word_is_shown() -> None:
    assert scrub({"tokens_left": 5, "secretary": "Ann"}) == {"tokens_left": 5, "secretary": "Ann"}


words = st.text(string.ascii_letters + string.digits + " .,:/-_()", max_size=60)
secrets = st.text(string.ascii_letters + string.digits, min_size=12, max_size=60)
carriers = st.sampled_from(
    [
        "token={}",
        "?api_token={}&x=1",
        "Authorization: Bearer {}",
        "'HTTP_AUTHORIZATION': 'Bearer {}'",
        "postgresql://u:{}@h/d",
        "password='{}'",
        '"ticket": "{}"',
        "ticket.{}",
        "ey{0}.{0}.{0}",
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\\n{}",
    ]
)


def nested(leaf: Any) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3),
            st.tuples(inner),
            st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
            st.builds(ValueError, inner),
        ),
        max_leaves=4,
    )


@given(st.data(), words, words, secrets, carriers)
def test_no_secret_passes_wherever_it_is(
    data: st.DataObject, before: str, after: str, secret: str, carrier: str
) -> None:
    text = f"{before} {carrier.format(secret)} {after}".replace("  ", " ")
    event = {"event": text, "more": data.draw(nested(st.just(text)))}

    line = json.dumps(hide_secrets(None, "info", event))

    assert secret not in line or secret in before + after


@given(st.text(max_size=200))
def test_to_scrub_twice_changes_nothing_more(text: str) -> None:
    once = scrub_text(text)

    assert scrub_text(once) == once


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(anything)
def test_whatever_is_logged_is_json(value: Any) -> None:
    line = json.dumps(scrub({"event": "x", "value": value}), allow_nan=False)

    assert json.loads(line)["event"] == "x"


def test_a_long_text_is_cut_and_no_secret_at_the_cut_shows() -> None:
    for start in range(TEXT - 40, TEXT + 1, 5):
        text = "x" * start + " postgresql://u:hushhushhush@h/d " + "y" * OVERLAP * 2

        shown = scrub_text(text)

        assert len(shown) <= TEXT + 1
        assert "hush" not in shown


def test_a_long_list_says_how_much_was_left_out() -> None:
    assert scrub(list(range(ITEMS + 7)))[-1] == f"{HIDDEN} 7 more"


def test_what_contains_itself_ends() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop

    assert "again" in json.dumps(scrub(loop))
