"""Ended sessions: known at once, told, kept as long as they matter, and put back."""

from __future__ import annotations

import redis as redis_module
from touchline.domain.ids import UserId
from touchline.store.keys import Keys
from touchline.store.postgres import Postgres
from touchline.store.rehydrate import rehydrate
from touchline.store.revocations import KEPT_MS, OVERLAP_MS, Ended, Revocations, ended_sessions
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
