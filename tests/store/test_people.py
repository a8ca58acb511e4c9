"""Users as operators see them: searched for, and given other rights."""

from __future__ import annotations

import gevent
import pytest
from touchline.domain.ids import UserId
from touchline.domain.people import Denied, Role, StandingWanted, Status
from touchline.store.people import Changed, People, PeopleSought, StandingMoved
from touchline.store.postgres import Postgres
from touchline.store.revocations import Ended
from touchline.store.sessions import Client, Sessions, new_session_id
from touchline.store.users import User, Users

SUSPENDED = StandingWanted(status=Status.SUSPENDED)
BOTH = ("ada@example.com", "bob_b@example.com")


@pytest.fixture
def people(pg: Postgres) -> People:
    return People(pg)


@pytest.fixture
def both(pg: Postgres) -> tuple[User, User]:
    """Ada, and Bob, who is an admin."""
    for email in BOTH:
        Users(pg).sign_in(email)
    with pg.transaction() as cursor:
        cursor.execute("UPDATE users SET role = 'admin' WHERE email = %s", BOTH[1:])
    ada, bob = (Users(pg).sign_in(email) for email in BOTH)
    assert ada is not None
    assert bob is not None
    return ada, bob


def session_of(pg: Postgres, user: User) -> str | None:
    """A session that began just now; None if it could not."""
    session = new_session_id()
    begun = Sessions(pg).start(user, session, session.encode()[:32], Client())
    return None if begun is None else session


def change(people: People, user: UserId, wanted: StandingWanted, by: UserId | None) -> Changed:
    found = people.change(user, wanted, by)
    assert isinstance(found, Changed)
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [("ADA", 1), ("example", 2), ("bob_b", 1), ("_", 1), ("%", 0), ("\\", 0), (None, 2)],
)
def test_people_are_found_by_a_part_of_what_they_are_called(
    people: People, both: tuple[User, User], text: str | None, found: int
) -> None:
    assert len(people.page(PeopleSought(text), 10)) == found


def test_people_are_listed_the_newest_first_and_without_the_house(
    people: People, both: tuple[User, User]
) -> None:
    ada, bob = both

    assert [each.id for each in people.page(PeopleSought(), 10)] == [bob.id, ada.id]
    assert [each.id for each in people.page(PeopleSought(before=bob.id), 10)] == [ada.id]
    assert [each.id for each in people.page(PeopleSought(), 1)] == [bob.id]


def test_people_are_found_by_their_rights(people: People, both: tuple[User, User]) -> None:
    ada, bob = both
    change(people, ada.id, SUSPENDED, bob.id)

    suspended = people.page(PeopleSought(None, SUSPENDED), 10)
    admins = people.page(PeopleSought(None, StandingWanted(Role.ADMIN)), 10)

    assert [each.id for each in suspended] == [ada.id]
    assert [each.id for each in admins] == [bob.id]


def test_a_change_of_rights_ends_every_session(
    people: People, both: tuple[User, User], pg: Postgres
) -> None:
    ada, bob = both
    sessions = {session_of(pg, ada), session_of(pg, ada)}
    kept = session_of(pg, bob)

    done = change(people, ada.id, SUSPENDED, bob.id)

    assert {each.session for each in done.ended} == sessions
    assert Sessions(pg).of(ada.id) == []
    assert [each.id for each in Sessions(pg).of(bob.id)] == [kept]


def test_the_same_again_ends_nothing_and_tells_what_has_ended(
    people: People, both: tuple[User, User], pg: Postgres
) -> None:
    ada, bob = both
    promoted = StandingWanted(Role.ADMIN)
    session = session_of(pg, ada)
    change(people, ada.id, promoted, bob.id)
    now = Users(pg).by_id(ada.id)
    assert now is not None
    later = session_of(pg, now)

    again = change(people, ada.id, promoted, bob.id)

    assert again.ended == (Ended(ada.id, str(session)),)
    assert [each.id for each in Sessions(pg).of(ada.id)] == [later]


def test_no_session_begins_with_rights_that_are_gone(
    people: People, both: tuple[User, User], pg: Postgres
) -> None:
    ada, bob = both
    change(people, ada.id, SUSPENDED, bob.id)

    assert session_of(pg, ada) is None
    assert Sessions(pg).of(ada.id) == []


def test_a_sign_in_under_way_comes_before_a_suspension_or_after_it(
    people: People, both: tuple[User, User], pg: Postgres
) -> None:
    ada, bob = both
    with pg.transaction() as cursor:
        cursor.execute("SELECT FROM users WHERE id = %s FOR NO KEY UPDATE", (ada.id,))
        racing = [
            gevent.spawn(change, people, ada.id, SUSPENDED, bob.id),
            gevent.spawn(session_of, pg, ada),
        ]
        gevent.idle()
    gevent.joinall(racing, raise_error=True)

    assert Sessions(pg).of(ada.id) == []
    begun = racing[1].value
    assert begun is None or Ended(ada.id, begun) in racing[0].value.ended


def test_two_admins_cannot_take_each_others_rights_away_at_once(
    people: People, both: tuple[User, User], pg: Postgres
) -> None:
    ada, bob = both
    change(people, ada.id, StandingWanted(Role.ADMIN), bob.id)
    with pg.transaction() as cursor:
        cursor.execute("SELECT FROM users WHERE id = %s FOR NO KEY UPDATE", (ada.id,))
        racing = [
            gevent.spawn(people.change, ada.id, StandingWanted(Role.USER), bob.id),
            gevent.spawn(people.change, bob.id, StandingWanted(Role.USER), ada.id),
        ]
        gevent.idle()
    gevent.joinall(racing, raise_error=True)

    outcomes = [greenlet.value for greenlet in racing]
    assert Denied.NOT_ADMIN in outcomes
    assert sum(isinstance(each, Changed) for each in outcomes) == 1


def test_nobody_is_somebody(people: People, both: tuple[User, User]) -> None:
    assert people.change(UserId(0), SUSPENDED, None) is Denied.UNKNOWN
    assert people.change(UserId(10**17), SUSPENDED, None) is Denied.UNKNOWN


def test_a_person_is_found_by_their_address(people: People, both: tuple[User, User]) -> None:
    assert people.with_address("ADA@example.com") == both[0].id
    assert people.with_address("nobody@example.com") is None


def test_of_two_with_one_address_the_one_who_signed_in_last_is_meant(
    people: People, both: tuple[User, User], pg: Postgres
) -> None:
    with pg.transaction() as cursor:
        cursor.execute(
            "INSERT INTO users (google_iss, google_sub, email, display_name, last_login_at)"
            " VALUES ('g', '1', %s, 'other ada', now() + interval '1 s') RETURNING id",
            BOTH[:1],
        )
        newer = cursor.fetchone()[0]

    assert people.with_address(BOTH[0]) == newer


def test_rights_that_were_changed_since_are_not_changed_by_an_old_version(
    people: People, both: tuple[User, User]
) -> None:
    ada, bob = both
    change(people, ada.id, SUSPENDED, bob.id)

    late = people.change(ada.id, StandingWanted(Role.ADMIN), bob.id, 0)
    same = people.change(ada.id, SUSPENDED, bob.id, 0)

    assert late == StandingMoved(1)
    assert isinstance(same, Changed)
    assert same.person.version == 1


def test_a_change_is_told_of_in_its_own_transaction(
    people: People, both: tuple[User, User]
) -> None:
    ada, bob = both

    def fails(_: object, told: Changed) -> None:
        assert told.person.standing.status is Status.SUSPENDED
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        people.change(ada.id, SUSPENDED, bob.id, tell=fails)

    unchanged = people.one(ada.id)
    assert unchanged is not None
    assert (unchanged.standing.status, unchanged.version) == (Status.ACTIVE, 0)
