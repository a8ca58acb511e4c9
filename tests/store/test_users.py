"""Users: made once, found by address whatever its case."""

from __future__ import annotations

from dataclasses import replace

import gevent
import pytest
from touchline.domain.google_claims import GoogleIdentity
from touchline.domain.ids import UserId
from touchline.store.postgres import Postgres
from touchline.store.users import User, Users


@pytest.fixture
def users(pg: Postgres) -> Users:
    return Users(pg)


def signed_in(users: Users, email: str) -> User:
    user = users.sign_in(email)
    assert user is not None
    return user


def test_a_first_sign_in_makes_a_user_and_a_second_finds_it(users: Users) -> None:
    first = signed_in(users, "ada@example.com")

    assert signed_in(users, "ada@example.com") == first
    assert (first.display_name, first.role, first.status) == ("ada", "user", "active")


def test_the_case_of_an_address_does_not_make_another_user(users: Users) -> None:
    first = signed_in(users, "ada@example.com")

    assert signed_in(users, "Ada@Example.COM").id == first.id


def test_two_people_may_share_what_stands_before_the_at_sign(users: Users) -> None:
    first, second = (signed_in(users, f"ada@{place}.example") for place in ("one", "two"))

    assert first.id != second.id
    assert first.display_name == "ada"
    assert second.display_name.startswith("ada-")


def test_an_address_without_letters_still_gets_a_name(users: Users) -> None:
    assert signed_in(users, "+++@example.com").display_name == "player"


def test_people_who_sign_in_at_once_under_one_address_are_one_user(users: Users) -> None:
    racing = [gevent.spawn(signed_in, users, "ada@example.com") for _ in range(8)]

    gevent.joinall(racing, raise_error=True)

    assert len({greenlet.value.id for greenlet in racing}) == 1


def test_nobody_signs_in_as_the_house(users: Users, pg: Postgres) -> None:
    with pg.transaction() as cursor:
        cursor.execute("SELECT email FROM users WHERE id = 0")
        (address,) = cursor.fetchone()

    assert users.sign_in(address) is None
    assert users.sign_in(address.upper()) is None
    assert users.by_id(UserId(0)) is None


def test_a_user_is_found_by_id_and_a_stranger_is_not(users: Users) -> None:
    user = signed_in(users, "ada@example.com")

    assert users.by_id(user.id) == user
    assert users.by_id(UserId(user.id + 1)) is None


ADA = GoogleIdentity("https://accounts.google.com", "1001", "ada@example.com")


def by_google(users: Users, identity: GoogleIdentity) -> User:
    user = users.sign_in_google(identity)
    assert user is not None
    return user


def test_who_signs_in_with_google_is_issuer_and_subject_whatever_the_address(users: Users) -> None:
    first = by_google(users, ADA)

    again = by_google(users, replace(ADA, email="lovelace@example.com"))

    assert again.id == first.id
    assert (first.email, again.email) == ("ada@example.com", "lovelace@example.com")
    assert again.display_name == first.display_name == "ada"


@pytest.mark.parametrize("other", [{"subject": "1002"}, {"issuer": "https://issuer.example"}])
def test_the_same_address_does_not_make_two_people_one(users: Users, other: dict[str, str]) -> None:
    assert by_google(users, ADA).id != by_google(users, replace(ADA, **other)).id


def test_nobody_becomes_a_google_user_by_an_address_alone(users: Users) -> None:
    google = by_google(users, ADA)

    developer = signed_in(users, "ada@example.com")

    assert developer.id != google.id
    assert by_google(users, ADA).id == google.id
    assert signed_in(users, "ADA@example.com").id == developer.id


def test_people_who_sign_in_at_once_as_one_google_user_are_one(users: Users) -> None:
    racing = [gevent.spawn(by_google, users, ADA) for _ in range(8)]

    gevent.joinall(racing, raise_error=True)

    assert len({greenlet.value.id for greenlet in racing}) == 1
