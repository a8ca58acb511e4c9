"""`touchline admin`: the role given and taken back, with a row for each, and sessions ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis
from touchline.config import Servers
from touchline.domain.people import Role
from touchline.services.admin import ACTOR, GrantRefused, change_role
from touchline.store.audit import DONE, Audit, Sought
from touchline.store.embedded import Addresses
from touchline.store.keys import Keys
from touchline.store.postgres import Postgres
from touchline.store.revocations import Revocations
from touchline.store.sessions import Client, Sessions, new_session_id
from touchline.store.users import User, Users

NOWHERE = Path("/nowhere")


@pytest.fixture
def given(servers: Addresses) -> Servers:
    return Servers(servers.redis_url, servers.database_url, "")


def signed_in(pg: Postgres, email: str) -> User:
    user = Users(pg).sign_in(email)
    assert user is not None
    return user


def test_a_role_is_given_and_taken_back_and_both_are_written_down(
    given: Servers, redis: Redis, pg: Postgres
) -> None:
    for email in ("op@example.com", "other@example.com"):
        signed_in(pg, email)
        change_role(given, NOWHERE, email.upper(), Role.ADMIN)
    admin = signed_in(pg, "op@example.com")

    change_role(given, NOWHERE, "op@example.com", Role.USER)

    assert (admin.role, signed_in(pg, "op@example.com").role) == ("admin", "user")
    lines = Audit(pg).page(Sought(actor=ACTOR, target=f"user {admin.id}"), 10)
    settled = [line.settled for line in lines]
    assert [(each.before, each.after) for each in settled if each and each.outcome == DONE] == [
        ({"role": "admin"}, {"role": "user"}),
        ({"role": "user"}, {"role": "admin"}),
    ]


def test_whose_role_changes_is_signed_out(given: Servers, redis: Redis, pg: Postgres) -> None:
    user, session = signed_in(pg, "op@example.com"), new_session_id()
    Sessions(pg).start(user, session, b"digest", Client())

    change_role(given, NOWHERE, "op@example.com", Role.ADMIN)

    assert Sessions(pg).of(user.id) == []
    assert Revocations(redis, Keys()).has(user.id, session)


def test_somebody_stays_an_admin(given: Servers, redis: Redis, pg: Postgres) -> None:
    signed_in(pg, "op@example.com")
    change_role(given, NOWHERE, "op@example.com", Role.ADMIN)

    with pytest.raises(GrantRefused, match="the last admin"):
        change_role(given, NOWHERE, "op@example.com", Role.USER)

    newest = Audit(pg).page(Sought(), 1)[0].settled
    assert newest is not None
    assert newest.outcome == "LAST_ADMIN"


def test_who_never_signed_in_is_nobody(given: Servers, redis: Redis, pg: Postgres) -> None:
    with pytest.raises(GrantRefused, match="nobody has signed in as"):
        change_role(given, NOWHERE, "nobody@example.com", Role.ADMIN)


def test_a_role_changes_in_postgres_and_says_if_redis_could_not_be_told(
    given: Servers, redis: Redis, pg: Postgres
) -> None:
    user = signed_in(pg, "op@example.com")
    Sessions(pg).start(user, new_session_id(), b"digest", Client())
    away = Servers("redis://127.0.0.1:9/0", given.database_url, "")

    with pytest.raises(GrantRefused, match="changed, but sessions go on"):
        change_role(away, NOWHERE, "op@example.com", Role.ADMIN)

    assert signed_in(pg, "op@example.com").role == "admin"
    newest = Audit(pg).page(Sought(), 1)[0].settled
    assert newest is not None
    assert (newest.outcome, newest.before, newest.after) == (
        DONE,
        {"role": "user"},
        {"role": "admin"},
    )
