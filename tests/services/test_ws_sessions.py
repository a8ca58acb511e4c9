"""A session that ends closes its WebSockets, through the running ws-server."""

from __future__ import annotations

import pytest
import redis as redis_module
from touchline.domain.ids import UserId
from touchline.store.revocations import Ended
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.fakes.hub import RunningHub


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


def test_a_token_that_was_given_before_the_end_opens_nothing_after_it(
    redis: redis_module.Redis,
) -> None:
    with RunningHub(redis) as hub:
        hub.revocations.add(Ended(UserId(5), "session"))

        with pytest.raises(InvalidStatus) as refused:
            hub.connect(5)

        assert refused.value.response.status_code == 401
        assert b"the session has ended" in (refused.value.response.body or b"")
