"""Who wins in the draw of a week, and how much: hashes and whole numbers, nothing else.

The seed is drawn before the week and only its hash is told; the board is known after the week. All
that is random follows from the two, so neither whoever runs the exchange nor a player can choose
it, and everybody can do it again once the seed is told. `web/verify_spinner.py` does, by itself.

Amounts are in 1e-4 coin. Source: docs/market.md, "The weekly spinner";
docs/decisions/0041-the-seed-of-a-draw-is-promised-before-its-week.md.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from .ids import UserId
from .leaderboard import Week
from .money import format_e4

SCHEME = "touchline-spinner-1"  #: the name of these rules: other rules have another
SEED_BYTES = 32
PLACES = 100  #: of the board, that have tickets: the first has 100 of them, the last has 1
AFTER_MS = 5 * 60_000  #: from the week's end to its draw
BEACON = ""  #: no public source of randomness is mixed in

_WORD_BYTES = 8
_WORDS = 1 << (8 * _WORD_BYTES)


@dataclass(frozen=True, slots=True)
class Wheel:
    """What is drawn for: at most *winners* prizes, each the amount of an equally likely segment."""

    winners: int
    segments: tuple[int, ...]


WHEEL = Wheel(
    winners=10,
    segments=tuple(
        coins * 10_000 for coins in (50, 100, 50, 200, 50, 500, 50, 100, 50, 1000, 100, 200)
    ),
)


@dataclass(frozen=True, slots=True)
class Entrant:
    """A place on the frozen board."""

    rank: int
    user: UserId
    score_e4: int

    @property
    def tickets(self) -> int:
        """How many of the lots are theirs."""
        return PLACES + 1 - self.rank


@dataclass(frozen=True, slots=True)
class Prize:
    """What *user* has won; *segment* is where the wheel stopped, from 0."""

    number: int
    user: UserId
    segment: int
    amount_e4: int


def commitment(seed: bytes) -> bytes:
    """What is told of *seed* before the week."""
    return hashlib.sha256(seed).digest()


def drawn_from_ms(week: Week) -> int:
    """When *week* is drawn, at the earliest."""
    return week.ends_ms + AFTER_MS


def board_hash(entrants: Iterable[Entrant]) -> str:
    """SHA-256, in hexadecimal, of a line `rank,user_id,score` for each place, in their order."""
    lines = (f"{each.rank},{each.user},{format_e4(each.score_e4)}\n" for each in entrants)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def draw(seed: bytes, week: Week, entrants: Sequence[Entrant], wheel: Wheel) -> tuple[Prize, ...]:
    """The prizes of *week*, each with a winner of its own; fewer than the wheel has if need be.

    Args:
        entrants: the first `PLACES` of the frozen board of people, in their order.
    """
    about, pool = f"{week.name}|{board_hash(entrants)}|{BEACON}", list(entrants)
    prizes = []
    for number in range(1, min(wheel.winners, len(pool)) + 1):
        lots = words(seed, f"{about}|{number}")
        winner = _holder(pool, below(lots, sum(each.tickets for each in pool)))
        segment = below(lots, len(wheel.segments))
        prizes.append(Prize(number, winner.user, segment, wheel.segments[segment]))
        pool.remove(winner)
    return tuple(prizes)


def words(seed: bytes, about: str) -> Iterator[int]:
    """Random 64-bit words without end: of HMAC-SHA256 over *about* and 0, 1, 2 and so on."""
    for number in count():
        block = hmac.digest(seed, f"{about}|{number}".encode(), "sha256")
        for at in range(0, len(block), _WORD_BYTES):
            yield int.from_bytes(block[at : at + _WORD_BYTES], "big")


def below(lots: Iterator[int], bound: int) -> int:
    """A whole number below *bound*, each as likely as any other.

    Words from the last whole multiple of *bound* on are passed over: with them the lower numbers
    would come up more often.
    """
    limit = _WORDS - _WORDS % bound
    return next(word for word in lots if word < limit) % bound


def _holder(pool: Sequence[Entrant], ticket: int) -> Entrant:
    for entrant in pool:
        if ticket < entrant.tickets:
            return entrant
        ticket -= entrant.tickets
    raise ValueError("there is no such ticket")
