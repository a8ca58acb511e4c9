"""Sessions of which it is known for a while that they go on."""

from __future__ import annotations

from touchline.http.known_sessions import KNOWN_S, KnownSessions
from touchline.http.tokens import Claims

from tests.fakes.clock import FakeClock


def claims(user: int, session: str = "one") -> Claims:
    return Claims(user=user, session=session, token_id="t", role="user", expires_at=0)


def test_a_session_is_known_for_seconds_and_no_other_with_it() -> None:
    clock = FakeClock()
    known = KnownSessions(clock.monotonic)

    known.note(claims(7))

    assert known.lately(claims(7))
    assert not known.lately(claims(7, "two"))
    assert not known.lately(claims(8))
    clock.advance(KNOWN_S)
    assert not known.lately(claims(7))


def test_the_one_noted_least_lately_is_forgotten() -> None:
    known = KnownSessions(FakeClock().monotonic, kept=2)

    for user in (1, 2, 1, 3):
        known.note(claims(user))

    assert [known.lately(claims(user)) for user in (1, 2, 3)] == [True, False, True]
