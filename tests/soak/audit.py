"""Compares what traders were promised with what the ledger has: facts, figures and wallets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from touchline.domain.position_events import By

from .promises import Promise, Promises

HOUSE = "house"  #: who makes grants
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One fact of the ledger and what it did to its owner's wallet.

    Args:
        by: `HOUSE`, or whoever made it happen.
        position: which it happened to, and as what number of event; None and 0 if to none.
        triggered: it names the tick that it was made by.
    """

    fact: str
    user: int
    key: str
    by: str
    cash_e4: int
    locked_e4: int
    position: str | None = None
    number: int = 0
    triggered: bool = False

    @property
    def is_of_a_tick(self) -> bool:
        """Whether a tick closed a position, which nobody asks for."""
        return self.triggered and self.by not in (By.CLIENT, HOUSE)


@dataclass(frozen=True, slots=True)
class Purse:
    """Free cash and reserved margin of a wallet, in 1e-4 coin."""

    cash_e4: int
    locked_e4: int


@dataclass
class Found:
    """What is wrong."""

    lost: list[Promise] = field(default_factory=list)  #: promised, and not in the ledger
    twice: list[tuple[int, str]] = field(default_factory=list)  #: user and key of several facts
    altered: list[str] = field(default_factory=list)  #: facts with other figures than were told
    unasked: list[str] = field(default_factory=list)  #: facts that nobody asked for or was told of
    purses: list[str] = field(default_factory=list)  #: wallets that do not add up

    def lost_of(self, durable: str) -> list[Promise]:
        """What is lost of the promises of that level."""
        return [promise for promise in self.lost if promise.durable == durable]


def audit(
    promises: Promises,
    opening: Mapping[int, int],
    entries: Sequence[Entry],
    purses: Mapping[int, Purse],
) -> Found:
    """What is wrong with the ledger and the wallets.

    Args:
        opening: cash of every user before the first trade, as they were told.
        entries: the whole ledger, but for the house's side.
        purses: the wallets of those users as they are now.
    """
    found, there = Found(), {entry.fact for entry in entries}
    found.lost = [promise for promise in promises.facts.values() if promise.fact not in there]
    keys = Counter((entry.user, entry.key) for entry in entries if entry.key)
    found.twice = [name for name, times in keys.items() if times > 1]
    pulled = _stops_under_way(promises)
    for entry in entries:
        promise = promises.facts.get(entry.fact)
        if promise is not None:
            found.altered += _differences(promise, entry)
        elif not (entry.is_of_a_tick or _is_start(entry, opening) or _is_one_of(entry, pulled)):
            found.unasked.append(str(entry))
    kept = [promise for promise in promises.facts.values() if promise.fact in there]
    unbidden = [entry for entry in entries if entry.is_of_a_tick]
    found.purses = list(_wrong_purses(opening, [*kept, *unbidden], purses))
    return found


def _differences(promise: Promise, entry: Entry) -> Iterable[str]:
    told = (promise.user, promise.key, promise.cash_e4, promise.locked_e4)
    if told != (entry.user, entry.key, entry.cash_e4, entry.locked_e4):
        yield f"{entry} was told as {promise}"


def _is_start(entry: Entry, opening: Mapping[int, int]) -> bool:
    return entry.by == HOUSE and entry.cash_e4 == opening.get(entry.user)


def _stops_under_way(promises: Promises) -> set[tuple[str, int]]:
    """Position and number of every event that a change of stops without an answer may have made."""
    patches = [asked for asked in promises.open.values() if asked.method == "PATCH"]
    versions = [int(asked.headers["If_Match"].strip('W/"')) for asked in patches]
    names = [asked.path.rpartition("/")[2] for asked in patches]
    return {(name, version + 1) for name, version in zip(names, versions, strict=True)}


def _is_one_of(entry: Entry, pulled: set[tuple[str, int]]) -> bool:
    moves_nothing = entry.by == By.CLIENT and not entry.key and not entry.cash_e4
    return moves_nothing and (entry.position, entry.number) in pulled


def _wrong_purses(
    opening: Mapping[int, int], facts: Sequence[Promise | Entry], purses: Mapping[int, Purse]
) -> Iterable[str]:
    cash, locked = Counter(opening), Counter[int]()
    for fact in facts:
        cash[fact.user] += fact.cash_e4
        locked[fact.user] += fact.locked_e4
    for user in opening:
        due = Purse(cash[user], locked[user])
        if purses.get(user) != due:
            yield f"user {user} has {purses.get(user)} instead of {due}"
