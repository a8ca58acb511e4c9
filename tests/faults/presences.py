"""Who is where as Redis has it, and what those who were away are told of that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import time_ns
from typing import Any

import gevent
import redis as redis_module
from touchline.store.keys import Keys

from .follower import Follower
from .market import Market
from .person import Person
from .process import Service

KEYS = Keys()
LOOK_S = 0.02


class Presence:
    """Who is where, as Redis has it."""

    def __init__(self, market: Market, client: redis_module.Redis) -> None:
        self._market, self._client = market, client

    def name(self, server: Service) -> str:
        """What *server* calls itself since its start."""
        return str(server.detail("presence")["replica"])

    def told_ms(self, name: str) -> int:
        """Up to when the ws-server of that *name* had told all it had seen."""
        return int(str(self._client.hget(KEYS.ws_replicas, name)).split(":")[1])

    def where(self, person: Person) -> set[str]:
        """Names of the ws-servers that have *person*."""
        return set(self._client.hkeys(KEYS.presence(person.id)))

    def last_seen(self, person: Person) -> int | None:
        """Since when *person* was away and was not told of it."""
        found = self._client.get(KEYS.last_seen(person.id))
        return None if found is None else int(str(found))

    def becomes(self, *names: str) -> None:
        """Wait until these ws-servers are all that is left."""
        left = set(names)
        self._market.exchange.wait(lambda: set(self._client.hkeys(KEYS.ws_replicas)) == left)

    def pushes(self, person: Person) -> int:
        """Number of the last push to *person*."""
        return int(str(self._client.get(KEYS.pfseq(person.id))))

    def is_settled(self) -> bool:
        """Whether every return has been looked after."""
        return not self._client.exists(KEYS.ws_returns)

    @contextmanager
    def never_without(self, *persons: Person) -> Iterator[None]:
        """Check that all of *persons* are somewhere all the time."""
        missed: list[int] = []

        def look() -> None:
            while True:
                missed.extend(each.id for each in persons if not self.where(each))
                gevent.sleep(LOOK_S)

        looking = gevent.spawn(look)
        try:
            yield
        finally:
            looking.kill()
        assert missed == []


def comes(market: Market, person: Person, server: Service) -> Follower:
    """*person* connects to *server*, has been away, and is told so."""
    follower = Follower(person, server)
    market.exchange.wait(lambda: follower.told("replay"))
    return follower


def now_ms() -> int:
    return time_ns() // 1_000_000


def from_ms(replay: Any) -> int | None:
    return None if replay["from"] is None else ms(replay["from"])


def ms(at: str) -> int:
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def is_told(follower: Follower, since_ms: int, until_ms: int) -> bool:
    """Whether a replay has told of all that was in between."""
    told = [each for each in follower.told("replay") if each["from"]]
    return any(ms(each["from"]) <= since_ms and ms(each["to"]) >= until_ms for each in told)


def untold(follower: Follower) -> list[Any]:
    """Absences that no replay has told of, each with the replays there were."""
    told = [(from_ms(each), ms(each["to"])) for each in follower.told("replay")]
    return [(each, told) for each in follower.windows if not is_told(follower, *each)]


def closed_by(followers: list[Follower]) -> list[str]:
    """Positions that replays have told to be closed, to whomever."""
    told = [replay for each in followers for replay in each.told("replay")]
    return [close["position_id"] for replay in told for close in replay["closed"]]
