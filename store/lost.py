"""States that Redis lacks, or has in an older version than Postgres knows, and their way back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import redis

from ..domain.ids import InstrumentIdx
from ..domain.instrument import Instrument
from ..domain.portfolio import Holding, Wallet
from ..domain.positions import Position
from .hashes import holding_hash, instrument_hash, wallet_hash
from .keys import Keys, State
from .lua import Call, LuaScript, run_all
from .newest import Newest
from .position_calls import restore_call, script

CHUNK = 500  #: states in one round trip

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One state as Postgres knows it."""

    state: State
    member: str
    value: Instrument | Wallet | Holding | Position

    @property
    def over(self) -> bool:
        """Whether it may be missing from Redis: a position that is closed."""
        return isinstance(self.value, Position) and self.value.closed_ms is not None


@dataclass(frozen=True, slots=True)
class Lost:
    """A state to put back."""

    candidate: Candidate
    #: The version in Redis; None if there is no hash.
    found: str | None


def lost(
    client: redis.Redis, keys: Keys, newest: Newest, may_go_on: Callable[[], None]
) -> Iterator[Lost]:
    """Every state of *newest* that Redis lacks, or has in an older version."""
    for chunk in chunks(_candidates(newest)):
        may_go_on()
        yield from _lost(client, keys, chunk)


def still_lost(client: redis.Redis, keys: Keys, states: Iterable[Lost]) -> bool:
    """Whether Redis lacks any of *states*, or has it in an older version, after all."""
    return any(_lost(client, keys, [each.candidate for each in states]))


def _lost(client: redis.Redis, keys: Keys, candidates: Sequence[Candidate]) -> Iterator[Lost]:
    with client.pipeline(transaction=False) as pipe:
        for each in candidates:
            pipe.hget(*keys.versioned(each.state, each.member))
        replies: list[str | None] = pipe.execute()
    for each, found in zip(candidates, replies, strict=True):
        missing = found is None and not each.over
        if missing or (found is not None and int(found) < each.value.version):
            yield Lost(each, found)


class Restorer:
    """Puts states back under *version*, with which a life of Redis begins.

    Each if Redis still has it as it was found; positions only if no later life has begun.
    """

    def __init__(self, client: redis.Redis, keys: Keys, version: int) -> None:
        self._redis = client
        self._keys = keys
        self._version = version
        self._state, self._position = LuaScript("state_restore"), script("position_restore")

    def restore(self, states: Sequence[Lost]) -> list[Lost]:
        """Put *states* back in one round trip, in their order; those that were."""
        put = run_all(self._redis, [self._call(each) for each in states])
        return [each for each, done in zip(states, put, strict=True) if done]

    def _call(self, each: Lost) -> tuple[LuaScript, Call]:
        state, member = each.candidate.state, each.candidate.member
        found, version = each.found or "0", self._version
        fields: dict[str, str]
        match each.candidate.value:
            case Position() as position:
                back = replace(position, version=version)
                return self._position, restore_call(self._keys, back, found)
            case Instrument() as instrument:
                fields = instrument_hash(replace(instrument, version=version))
            case Wallet() as wallet:
                fields = wallet_hash(replace(wallet, version=version))
            case Holding() as holding:
                idx = InstrumentIdx(int(member.partition(":")[2]))
                fields = holding_hash(idx, replace(holding, version=version))
        key, version_field = self._keys.versioned(state, member)
        flat = [text for pair in fields.items() for text in pair]
        return self._state, (
            [key, self._keys.dirty(state)],
            [member, version_field, found, *flat],
        )


def chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """*items* in lists of at most `CHUNK`."""
    left = iter(items)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _candidates(newest: Newest) -> Iterator[Candidate]:
    # Instruments before positions, which must not be ahead of their prices.
    for idx, instrument in newest.instruments.items():
        yield Candidate(State.INSTRUMENTS, str(idx), instrument)
    for user, wallet in newest.wallets.items():
        yield Candidate(State.WALLETS, str(user), wallet)
    for (user, idx), holding in newest.holdings.items():
        yield Candidate(State.HOLDINGS, f"{user}:{idx}", holding)
    for position in newest.positions.values():
        yield Candidate(State.POSITIONS, position.id, position)
