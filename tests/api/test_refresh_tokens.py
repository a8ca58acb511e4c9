"""Refresh tokens: opaque, each followed by one, and told from what was made up."""

from __future__ import annotations

import os
import uuid

from hypothesis import given
from hypothesis import strategies as st
from touchline.http.refresh_tokens import PREFIX, RefreshTokens

TOKENS = RefreshTokens(b"k" * 32)
SESSION = str(uuid.uuid4())


def test_a_token_is_read_as_it_was_made() -> None:
    made = TOKENS.first(SESSION)

    assert TOKENS.read(made.text) == made
    assert (made.session, len(made.secret), made.ours) == (SESSION, 32, True)


def test_no_two_sessions_begin_with_the_same_secret() -> None:
    assert TOKENS.first(SESSION).secret != TOKENS.first(SESSION).secret


def test_a_token_is_followed_by_one_and_the_same_for_everybody_with_the_key() -> None:
    made = TOKENS.first(SESSION)

    following = TOKENS.after(made)

    assert following == RefreshTokens(b"k" * 32).after(made)
    assert following.session == SESSION
    assert following.secret != made.secret


def test_who_has_another_key_cannot_tell_what_follows() -> None:
    made = TOKENS.first(SESSION)
    other = RefreshTokens(b"x" * 32)

    assert other.after(made).secret != TOKENS.after(made).secret
    read = other.read(made.text)
    assert read is not None
    assert not read.ours


@given(st.integers(len(PREFIX), len(PREFIX) + 85), st.sampled_from("ABCxyz019_-"))
def test_a_token_with_another_character_anywhere_is_not_ours(place: int, character: str) -> None:
    made = TOKENS.first(SESSION)
    text = made.text[:place] + character + made.text[place + 1 :]

    read = TOKENS.read(text)

    assert read is not None
    assert read.ours == (text == made.text)


def test_another_spelling_of_the_same_bytes_is_not_ours() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    made = TOKENS.first(SESSION)
    respelled = made.text[:-1] + alphabet[alphabet.index(made.text[-1]) + 1]

    read = TOKENS.read(respelled)

    assert read is not None
    assert (read.session, read.secret) == (made.session, made.secret)
    assert not read.ours


@given(st.one_of(st.text(max_size=120), st.binary(max_size=64).map(lambda raw: PREFIX + raw.hex())))
def test_what_has_not_the_shape_is_no_token(text: str) -> None:
    read = TOKENS.read(text)

    assert read is None or not read.ours


def test_the_digest_says_nothing_of_the_token() -> None:
    made = TOKENS.first(str(uuid.UUID(bytes=os.urandom(16))))

    assert made.secret not in made.digest
    assert len(made.digest) == 32
