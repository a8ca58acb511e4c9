"""What is to go wrong and when, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from tests.faults.servers import POSTGRESQL, VALKEY

#: Between the end of a fault and the next one, on average: a backoff takes as long, and who strikes
#: what is down anyway learns little. A short soak has no time for that.
PAUSE_S = 5.0
CALM_S = 1.0  #: at the beginning
FROZEN_S = (0.5, 10.0)  #: some longer than the 6 s of a lease
AWAY_S = (0.2, 4.0)
APIS, FLUSHERS, PUSHERS = ("api-server", "second"), ("flusher", "second-flusher"), ("ws-server",)
PAIR_OF_VALKEY, PAIR_OF_POSTGRESQL = "Valkey and an api-server", "PostgreSQL and a flusher"
PAIR_OF_SERVERS = "PostgreSQL, then Valkey"
LATE_S = (0.5, 2.0)  #: that much then: trades go on for a while, and Redis alone has them


class How(StrEnum):
    """What is done to a service or a server."""

    KILL = "killed"  #: kill -9, of a server with all its processes
    FREEZE = "frozen"  #: SIGSTOP, and SIGCONT later
    PARENT = "parent killed"  #: kill -9 of PostgreSQL's first process alone
    QUIT = "stopped at once"  #: an immediate shutdown of PostgreSQL
    RESTART = "restarted"  #: a single child, as an admin may


class Loss(StrEnum):
    """What Valkey has forgotten when it comes back."""

    NOTHING = ""
    TAIL = "without its last second"
    ALL = "empty"


@dataclass(frozen=True, slots=True)
class Strike:
    """One thing that happens to *target*, or to its *child*, *late_s* after the one before it."""

    how: How
    target: str
    child: str = ""
    loss: Loss = Loss.NOTHING
    late_s: float = 0.0

    def __str__(self) -> str:
        what = f"{self.target}'s {self.child}" if self.child else self.target
        late = f"{self.late_s:.2f} s later " if self.late_s else ""
        return f"{late}{what} {self.how} {self.loss}".rstrip()


@dataclass(frozen=True, slots=True)
class Fault:
    """*strikes* at once, *at_s* after the beginning, for *lasts_s*."""

    at_s: float
    lasts_s: float
    kind: str
    strikes: tuple[Strike, ...]

    def __str__(self) -> str:
        return f"{self.at_s:7.2f} s  for {self.lasts_s:5.2f} s  {', '.join(map(str, self.strikes))}"


class Dice:
    """Draws strikes.

    Args:
        children: names of those of each service.
        lossy: Valkey loses what it had last, whenever it is killed.
    """

    def __init__(self, random: Random, children: Mapping[str, Sequence[str]], *, lossy: bool):
        self.random, self._children, self._lossy = random, children, lossy

    def service(self, how: How, names: Sequence[str]) -> Strike:
        return Strike(how, self.random.choice(names))

    def child(self) -> Strike:
        service = self.random.choice(sorted(self._children))
        names = self._children[service]
        # One draw however many there are: a new child leaves the other faults as they were.
        return Strike(How.RESTART, service, names[int(self.random.random() * len(names))])

    def valkey(self, how: How) -> Strike:
        lost = how is How.KILL and self._lossy
        loss = self.random.choice(list(Loss)) if lost else Loss.NOTHING
        return Strike(how, VALKEY, loss=loss)

    def valkey_later(self) -> Strike:
        return replace(self.valkey(How.KILL), late_s=self.random.uniform(*LATE_S))

    def any_of(self, *hows: How) -> How:
        return self.random.choice(hows)


KINDS: Mapping[str, Callable[[Dice], tuple[Strike, ...]]] = {
    "api-server killed": lambda dice: (dice.service(How.KILL, APIS),),
    "api-server frozen": lambda dice: (dice.service(How.FREEZE, APIS),),
    "flusher killed": lambda dice: (dice.service(How.KILL, FLUSHERS),),
    "flusher frozen": lambda dice: (dice.service(How.FREEZE, FLUSHERS),),
    "ws-server killed": lambda dice: (dice.service(How.KILL, PUSHERS),),
    "ws-server frozen": lambda dice: (dice.service(How.FREEZE, PUSHERS),),
    "Valkey killed": lambda dice: (dice.valkey(How.KILL),),
    "Valkey frozen": lambda dice: (dice.valkey(How.FREEZE),),
    "PostgreSQL killed": lambda _: (Strike(How.KILL, POSTGRESQL),),
    "PostgreSQL's parent killed": lambda _: (Strike(How.PARENT, POSTGRESQL),),
    "PostgreSQL stopped at once": lambda _: (Strike(How.QUIT, POSTGRESQL),),
    "PostgreSQL frozen": lambda _: (Strike(How.FREEZE, POSTGRESQL),),
    "child restarted": lambda dice: (dice.child(),),
    PAIR_OF_VALKEY: lambda dice: (
        dice.valkey(dice.any_of(How.KILL, How.FREEZE)),
        dice.service(dice.any_of(How.KILL, How.FREEZE), APIS),
    ),
    PAIR_OF_POSTGRESQL: lambda dice: (
        Strike(dice.any_of(How.KILL, How.QUIT, How.FREEZE), POSTGRESQL),
        dice.service(dice.any_of(How.KILL, How.FREEZE), FLUSHERS),
    ),
    PAIR_OF_SERVERS: lambda dice: (
        Strike(dice.any_of(How.KILL, How.QUIT, How.FREEZE), POSTGRESQL),
        dice.valkey_later(),
    ),
}
#: Where Valkey loses something it is Valkey that is struck, nearly half of the time.
LOSSES = ("Valkey killed", PAIR_OF_VALKEY, PAIR_OF_SERVERS) * 4


def schedule(
    seed: int, seconds: float, children: Mapping[str, Sequence[str]], *, lossy: bool = False
) -> list[Fault]:
    """All faults of *seconds*, one after the other; each kind comes before any comes again."""
    random = Random(seed)
    dice = Dice(random, children, lossy=lossy)
    faults: list[Fault] = []
    at_s = CALM_S
    for kind in _deck(random, lossy=lossy):
        strikes = KINDS[kind](dice)
        lasts_s = _lasts_s(random, strikes, seconds / 5)
        until_s = at_s + sum(strike.late_s for strike in strikes) + lasts_s
        if until_s > seconds:
            return faults
        faults.append(Fault(at_s, lasts_s, kind, strikes))
        at_s = until_s + random.uniform(0, 2 * min(PAUSE_S, seconds / 10))
    raise AssertionError("the deck has no end")


def _deck(random: Random, *, lossy: bool) -> Iterator[str]:
    cards = [*KINDS, *(LOSSES if lossy else ())]
    while True:
        random.shuffle(cards)
        yield from cards


def _lasts_s(random: Random, strikes: Sequence[Strike], longest_s: float) -> float:
    freezes = any(strike.how is How.FREEZE for strike in strikes)
    if all(strike.how is How.RESTART for strike in strikes):
        return 0.0
    least_s, most_s = FROZEN_S if freezes else AWAY_S
    return random.uniform(least_s, max(least_s, min(most_s, longest_s)))
