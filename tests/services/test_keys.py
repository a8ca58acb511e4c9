"""`touchline keys`: what it prints works as settings, and a rotation locks nobody out."""

from __future__ import annotations

import json
import shlex

import pytest
from touchline.config import SettingError
from touchline.http.algorithms import ALGORITHMS
from touchline.http.keys import MOST_KEYS, new_keypair, with_key
from touchline.http.tokens import Claims, Signer, TokenRefused, Verifier
from touchline.services import keys
from touchline.services.boot import check_keys


def settings(lines: str) -> list[tuple[str, str]]:
    """The assignments in *lines*, in order, as a shell reads them."""
    found = [shlex.split(line, comments=True) for line in lines.splitlines()]
    pairs = [words[0].partition("=") for words in found if words]
    return [(name, value.replace("\\n", "\n")) for name, _, value in pairs]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_new_keys_fit_each_other(algorithm: str) -> None:
    made = dict(settings(keys.first(algorithm)))

    check_keys(made["JWT_PUBLIC_KEYS"], made["JWT_PRIVATE_KEY"], algorithm)


def test_a_key_of_another_algorithm_than_the_one_set_starts_nothing() -> None:
    private, public = new_keypair("RS256")

    with pytest.raises(SettingError, match="JWT_PRIVATE_KEY: signs by RS256, not ES256"):
        check_keys(public, private, "ES256")


@pytest.mark.parametrize("old", ALGORITHMS)
@pytest.mark.parametrize("new", ALGORITHMS)
def test_at_every_step_of_a_rotation_the_tokens_in_use_are_accepted(old: str, new: str) -> None:
    old_private, old_public = new_keypair(old)
    (_, both), (_, new_private), (_, alone) = settings(keys.next_to(old_public, new))
    earlier, later = (Signer(key).access_token(5, "s") for key in (old_private, new_private))

    assert isinstance(Verifier(both).access(earlier), Claims)
    assert isinstance(Verifier(both).access(later), Claims)
    assert isinstance(Verifier(alone).access(later), Claims)
    assert isinstance(Verifier(alone).access(earlier), TokenRefused)
    check_keys(both, old_private)
    check_keys(both, new_private)
    check_keys(alone, new_private)


def test_a_rotation_that_was_never_finished_does_not_go_on_for_ever() -> None:
    _, jwks = new_keypair()
    while len(json.loads(jwks)["keys"]) < MOST_KEYS:
        jwks = with_key(jwks, new_keypair()[0])

    with pytest.raises(SettingError, match="take those out that sign no more"):
        keys.next_to(jwks)


def test_what_is_no_key_set_is_named() -> None:
    with pytest.raises(SettingError, match="JWT_PUBLIC_KEYS"):
        keys.next_to('{"keys": ["x"]}')
