"""A ws token opens one WebSocket within its life, whoever sends it where, when and how often.

Time is made to pass by what there is of it: tokens are signed as they would be that much older, and
what Redis remembers expires that much sooner.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import gevent
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from touchline.domain.ids import UserId
from touchline.http.admission import SocketDeps, identify
from touchline.http.keys import new_keypair
from touchline.http.tokens import LEEWAY_S, WS_S, Claims, Signer, Verifier
from touchline.store.keys import Keys
from touchline.store.revocations import Ended, Revocations
from touchline.store.tickets import Tickets

PRIVATE, PUBLIC = new_keypair()
TICKETS, REPLICAS = 3, 3
SKEW_S = 5  #: how far the clocks of two replicas may be from that of who signed


@dataclass(frozen=True)
class Sent:
    """Handshakes with a token each, all at once: which token, and to which replica."""

    handshakes: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Passed:
    """Time, in seconds."""

    seconds: int


@dataclass(frozen=True)
class SignedOut:
    """The session of a token ends."""

    ticket: int


SENT = st.lists(
    st.tuples(st.integers(0, TICKETS - 1), st.integers(0, REPLICAS - 1)), min_size=1, max_size=5
).map(lambda each: Sent(tuple(each)))
#: Often as long as something lives, or is remembered.
PASSED = (st.integers(1, 20) | st.sampled_from([30, 59, 60, 65, 66, 70, 89, 90, 91])).map(Passed)
STEPS = st.lists(SENT | SENT | PASSED | st.integers(0, TICKETS - 1).map(SignedOut), max_size=14)
SKEWS = st.lists(st.integers(-SKEW_S, SKEW_S), min_size=REPLICAS, max_size=REPLICAS)


class Seat:
    """A place in a hub that has many."""

    def claim(self, user: UserId) -> bool:
        return True


@dataclass
class World:
    """Replicas of the ws-server before one Redis, and what became of each token."""

    redis: Redis
    skews: list[int]
    now_s: int = 0
    accepted: list[tuple[int, int]] = field(default_factory=list)  #: ticket, and its age
    refused: list[tuple[int, int]] = field(default_factory=list)
    over: dict[int, int] = field(default_factory=dict)  #: when which ticket's session ended

    def __post_init__(self) -> None:
        self.names = [str(uuid4()) for _ in range(TICKETS)]
        self.revocations = Revocations(self.redis, Keys())
        any_: Any = None
        self.replicas = [
            SocketDeps(any_, Verifier(PUBLIC), Tickets(self.redis, Keys()), (), any_)
            for _ in range(REPLICAS)
        ]

    def do(self, step: Sent | Passed | SignedOut) -> None:
        match step:
            case Sent(handshakes):
                greenlets = [gevent.spawn(self.shake_hands, *each) for each in handshakes]
                gevent.joinall(greenlets, raise_error=True)
            case Passed(seconds):
                self.now_s += seconds
                self._forget(seconds)
            case SignedOut(ticket):
                self.revocations.add(Ended(UserId(7), self.names[ticket]))
                self.over.setdefault(ticket, self.now_s)

    def shake_hands(self, ticket: int, replica: int) -> None:
        seat: Any = Seat()
        token = self.token(ticket, self.now_s + self.skews[replica])
        found = identify(self.replicas[replica], seat, token)
        kind = self.accepted if isinstance(found, Claims) else self.refused
        kind.append((ticket, self.now_s))

    def token(self, ticket: int, age_s: int) -> str:
        """The token called *ticket* as who is that far from its beginning sees it."""
        signer = _Renaming(PRIVATE, self.names[ticket], now=lambda: time.time() - age_s)
        return signer.ws_token(7, self.names[ticket])

    def _forget(self, seconds: int) -> None:
        for name in self.names:
            key = Keys().wsjti(name)
            left_ms = self.redis.pttl(key)
            if left_ms > 0:
                self.redis.pexpire(key, max(0, left_ms - seconds * 1000))


class _Renaming(Signer):
    """Signs under a name that is given."""

    def __init__(self, key: str, name: str, **options: Any) -> None:
        super().__init__(key, **options)
        self._name = name

    def _signed(self, claims: dict[str, object], typ: str) -> str:
        return super()._signed(claims | {"jti": self._name}, typ)


def of(ticket: int, found: Iterable[tuple[int, int]]) -> list[int]:
    return [age for which, age in found if which == ticket]


@given(STEPS, SKEWS)
@settings(max_examples=150)
def test_a_ticket_is_accepted_once_at_most_and_only_within_its_life(
    redis: Redis, steps: list[Sent | Passed | SignedOut], skews: list[int]
) -> None:
    world = World(redis, skews)

    for step in steps:
        world.do(step)

    for ticket in range(TICKETS):
        accepted = of(ticket, world.accepted)
        assert len(accepted) <= 1
        # A second each way: the seconds of a token are whole ones.
        assert all(age <= WS_S + LEEWAY_S + SKEW_S + 1 for age in accepted)
        if ticket in world.over:
            assert all(age <= world.over[ticket] for age in accepted)


@given(SKEWS, st.lists(SENT, min_size=1, max_size=4), st.integers(0, WS_S - 2))
@settings(max_examples=50)
def test_of_all_who_send_a_ticket_in_its_life_one_gets_in(
    redis: Redis, skews: list[int], sent: list[Sent], age_s: int
) -> None:
    world = World(redis, skews)
    world.do(Passed(age_s))

    for step in sent:
        world.do(step)

    tried = {ticket for step in sent for ticket, _ in step.handshakes}
    assert sorted(ticket for ticket, _ in world.accepted) == sorted(tried)


@given(SKEWS, SENT, st.integers(WS_S + LEEWAY_S + SKEW_S + 2, 300))
@settings(max_examples=50)
def test_after_its_life_a_ticket_lets_nobody_in(
    redis: Redis, skews: list[int], sent: Sent, age_s: int
) -> None:
    world = World(redis, skews)
    world.do(Passed(age_s))

    world.do(sent)

    assert world.accepted == []
