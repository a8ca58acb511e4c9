"""Ended sessions: known at once, told, kept as long as they matter, and put back."""

from __future__ import annotations

import pytest
import redis as redis_module
from touchline.domain.ids import UserId
from touchline.store.keys import Keys
from touchline.store.postgres import Postgres
from touchline.store.rehydrate import rehydrate
from touchline.store.revocations import (
    AT_ONCE,
    COMPARED_MS,
    GRACE_MS,
    KEPT_MS,
    OVERLAP_MS,
    Ended,
    RecordedEnds,
    Revocations,
    ended_sessions,
)
from touchline.store.sessions import Client, Sessions, new_session_id
from touchline.store.tickets import Tickets
from touchline.store.users import Users

ONE, TWO = Ended(UserId(5), "one"), Ended(UserId(6), "two")


def test_what_was_ended_is_known_and_nothing_else(redis: redis_module.Redis) -> None:
    revocations = Revocations(redis, Keys())

    revocations.add(ONE)

    assert revocations.has(5, "one")
    assert not revocations.has(5, "two")
    assert not revocations.has(6, "one")


def test_it_is_told_at_once(redis: redis_module.Redis) -> None:
    listening = ended_sessions(redis)
    listening.open()

    Revocations(redis, Keys()).add(TWO)

    assert next(listening.messages()) == TWO
    listening.close()


def test_a_look_sees_what_is_new_and_a_minute_before(redis: redis_module.Redis) -> None:
    clock = [1_000.0]
    revocations = Revocations(redis, Keys(), lambda: clock[0])
    revocations.add(ONE)
    first, _ = revocations.since(None)
    clock[0] += OVERLAP_MS / 1000 + 1
    revocations.add(TWO)

    now_ms, found = revocations.since(first + OVERLAP_MS + 1000)

    assert found == [TWO]
    assert now_ms == first + OVERLAP_MS + 1000
    assert revocations.since(None)[1] == [ONE, TWO]


def test_what_matters_no_more_is_forgotten(redis: redis_module.Redis) -> None:
    clock = [1_000.0]
    revocations = Revocations(redis, Keys(), lambda: clock[0])
    revocations.add(ONE)
    clock[0] += KEPT_MS / 1000 + 1

    revocations.add(TWO)

    assert revocations.since(None)[1] == [TWO]


def test_a_ws_token_of_an_ended_session_opens_nothing(redis: redis_module.Redis) -> None:
    Revocations(redis, Keys()).add(ONE)

    assert Tickets(redis, Keys()).spend("a", 5, "one") == "the session has ended"
    assert Tickets(redis, Keys()).spend("b", 5, "two") is None


def test_a_redis_that_lost_everything_is_told_of_ended_sessions_again(
    redis: redis_module.Redis, pg: Postgres
) -> None:
    user = Users(pg).sign_in("ada@example.com")
    assert user is not None
    sessions, gone, here = Sessions(pg), new_session_id(), new_session_id()
    for number, session in enumerate((gone, here)):
        sessions.start(user, session, bytes([number]) * 32, Client())
    sessions.end(user.id, gone)

    rehydrate(redis, Keys(), pg)

    revocations = Revocations(redis, Keys())
    assert revocations.has(user.id, gone)
    assert not revocations.has(user.id, here)


@pytest.mark.parametrize("known", [0, 1, AT_ONCE, AT_ONCE + 1])
def test_of_those_that_ended_the_missing_ones_are_told(
    redis: redis_module.Redis, known: int
) -> None:
    clock = [1_000.0]
    revocations = Revocations(redis, Keys(), lambda: clock[0])
    ended = [Ended(UserId(5), str(number)) for number in range(AT_ONCE + 3)]
    revocations.add(*ended[:known])
    looked, _ = revocations.since(None)
    clock[0] += 10 * OVERLAP_MS / 1000

    told = revocations.tell_missing(ended)

    assert told == len(ended) - known
    assert set(revocations.since(None)[1]) == set(ended)
    # Whoever reads only what is new since its last look sees them.
    assert set(revocations.since(looked + 5 * OVERLAP_MS)[1]) == set(ended[known:])
    assert revocations.tell_missing(ended) == 0


@pytest.mark.parametrize(
    ("ago_ms", "found"),
    [
        (0, False),
        (GRACE_MS + 1_000, True),
        (COMPARED_MS - 60_000, True),
        (COMPARED_MS + 1_000, False),
    ],
)
def test_compared_is_what_a_connection_may_still_be_of(
    pg: Postgres, ago_ms: int, found: bool
) -> None:
    user = Users(pg).sign_in("ada@example.com")
    assert user is not None
    session = new_session_id()
    Sessions(pg).start(user, session, b"digest", Client())
    Sessions(pg).start(user, new_session_id(), b"other", Client())
    with pg.transaction() as cursor:
        cursor.execute(
            "UPDATE sessions SET revoked_at = now() - %s * interval '1 ms' WHERE id = %s",
            (ago_ms, session),
        )

    assert RecordedEnds(pg).ended() == ([Ended(user.id, session)] if found else [])
