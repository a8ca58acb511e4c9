"""A session that ends closes its WebSockets, through the running ws-server."""

from __future__ import annotations

import pytest
import redis as redis_module
from touchline.actors.revocation_teller import RevocationTeller
from touchline.domain.ids import UserId
from touchline.domain.people import StandingWanted, Status
from touchline.store.people import Changed, People
from touchline.store.postgres import Postgres
from touchline.store.revocations import Ended, RecordedEnds
from touchline.store.sessions import Client, Sessions, new_session_id
from touchline.store.users import Users
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.fakes.hub import RunningHub


def signed_in(pg: Postgres) -> tuple[UserId, str]:
    """A user with one session; both ids."""
    user = Users(pg).sign_in("ada@example.com")
    assert user is not None
    session = new_session_id()
    Sessions(pg).start(user, session, b"digest", Client())
    return user.id, session


def test_the_connections_of_an_ended_session_are_closed_with_4401(
    redis: redis_module.Redis,
) -> None:
    with RunningHub(redis) as hub, hub.connect(5) as session, hub.connect(6) as other:
        hub.revocations.add(Ended(UserId(5), "session"))

        with pytest.raises(ConnectionClosed) as closed:
            session.until("the end")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
        assert other.ask("ping")["op"] == "pong"


def test_the_connections_of_somebody_suspended_are_closed_with_4401(
    redis: redis_module.Redis, pg: Postgres
) -> None:
    user, session = signed_in(pg)
    suspended = StandingWanted(status=Status.SUSPENDED)
    with RunningHub(redis) as hub, hub.connect(user, session=session) as connected:
        done = People(pg).change(user, suspended, None)
        assert isinstance(done, Changed)
        hub.revocations.add(*done.ended)

        with pytest.raises(ConnectionClosed) as closed:
            connected.until("the end")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


def test_who_was_suspended_while_redis_was_away_is_out_when_it_is_back(
    redis: redis_module.Redis, pg: Postgres
) -> None:
    user, session = signed_in(pg)
    with RunningHub(redis) as hub, hub.connect(user, session=session) as connected:
        # All that is left of it: Redis was away, and the admin did not ask again.
        People(pg).change(user, StandingWanted(status=Status.SUSPENDED), None)
        assert connected.ask("ping")["op"] == "pong"
        with pg.transaction() as cursor:
            cursor.execute("UPDATE sessions SET revoked_at = now() - interval '1 hour'")

        RevocationTeller(RecordedEnds(pg), hub.revocations).started()

        with pytest.raises(ConnectionClosed) as closed:
            connected.until("the end")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


def test_a_token_that_was_given_before_the_end_opens_nothing_after_it(
    redis: redis_module.Redis,
) -> None:
    with RunningHub(redis) as hub:
        hub.revocations.add(Ended(UserId(5), "session"))

        with pytest.raises(InvalidStatus) as refused:
            hub.connect(5)

        assert refused.value.response.status_code == 401
        assert b"the session has ended" in (refused.value.response.body or b"")
