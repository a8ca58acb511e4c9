"""Sessions of which it is known without asking that they are over."""

from __future__ import annotations

from touchline.domain.ids import UserId
from touchline.http.ended_lately import LOOK_S, EndedLately
from touchline.http.tokens import Claims
from touchline.store.keys import Keys
from touchline.store.revocations import Ended, Revocations

from tests.fakes.clock import FakeClock


def claims(user: int, session: str = "one") -> Claims:
    return Claims(user=user, session=session, token_id="t", role="user", expires_at=0)


def test_what_has_ended_is_known_after_the_next_look_and_not_before(redis) -> None:
    clock, revocations = FakeClock(), Revocations(redis, Keys())
    lately = EndedLately(revocations, clock.monotonic)
    revocations.add(Ended(UserId(7), "one"))

    assert lately.has(claims(7))
    assert not lately.has(claims(7, "two"))

    revocations.add(Ended(UserId(7), "two"))
    assert not lately.has(claims(7, "two"))
    clock.advance(LOOK_S)

    assert lately.has(claims(7, "two"))
    assert lately.has(claims(7))


def test_many_who_ask_between_two_looks_ask_redis_for_nothing(redis) -> None:
    clock = FakeClock()
    lately = EndedLately(Revocations(redis, Keys()), clock.monotonic)
    lately.has(claims(1))
    before = redis.info("stats")["total_commands_processed"]

    for user in range(1, 50):
        lately.has(claims(user))

    assert redis.info("stats")["total_commands_processed"] == before + 1  # that of the question


def test_what_ended_longer_ago_than_a_token_lives_is_not_kept(redis) -> None:
    clock, now = FakeClock(), [1_000_000.0]
    revocations = Revocations(redis, Keys(), lambda: now[0])
    lately = EndedLately(revocations, clock.monotonic)
    revocations.add(Ended(UserId(7), "one"))
    lately.has(claims(7))

    now[0] += 3600
    for _ in range(2):  # the first look still begins at the one before
        clock.advance(LOOK_S)
        lately.has(claims(7))

    assert not lately.has(claims(7))
