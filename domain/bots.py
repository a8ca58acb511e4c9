"""Bots: users of the house's own who trade by a rule, each in one of three ways.

Who they are, how much of a club each may have, and by which keys their orders go. What they do is
in domain/bot_rules.py. Source: docs/market.md, "Bots".
"""

from dataclasses import dataclass
from enum import StrEnum

from .ids import InstrumentIdx
from .names import BOT_NAME
from .pricing import PPM

STEP_MS = 5_000  #: calendar ms; a bot does at most one thing with a club in each
BOT_DOMAIN = "bots.touchline.invalid"  #: nobody has an address there: see RFC 2606


class BotKind(StrEnum):
    """By which rule a bot trades."""

    MEAN_REVERT = "mm"  #: against whatever trades have made of the price
    NOISE = "noise"  #: whatever comes to its mind
    MOMENTUM = "momentum"  #: where the football goes


#: What a bot may have of a club, either way, in parts per million of the club's depth.
CAP_PPM = {BotKind.MEAN_REVERT: 10_000, BotKind.NOISE: 3_000, BotKind.MOMENTUM: 5_000}


@dataclass(frozen=True, slots=True)
class Bot:
    """One bot; *number* tells those of one kind apart."""

    kind: BotKind
    number: int

    @property
    def name(self) -> str:
        """Such as mm-1; in keys, labels and the words of operators."""
        return f"{self.kind.value}-{self.number}"

    @property
    def display_name(self) -> str:
        """As everybody sees it; no person may be called so."""
        return f"{BOT_NAME}{self.name}"

    @property
    def email(self) -> str:
        """What it is in `users`; nobody signs in by it."""
        return f"{self.name}@{BOT_DOMAIN}"

    def cap(self, depth: int) -> int:
        """The most it has of a club of that *depth*, held and long less short (1e-3 share)."""
        return depth * CAP_PPM[self.kind] // PPM


@dataclass(frozen=True, slots=True)
class BotTerms:
    """By what an installation has bots trade.

    Attributes:
        seed: what chance follows from.
        daily_loss_e4: who has lost so much (1e-4 coin) in a day of the calendar only reduces.
        everywhere: whether they trade all clubs at once, and not only those whose match is on.
    """

    seed: int
    daily_loss_e4: int
    everywhere: bool = False

    def spent(self, today_e4: int) -> bool:
        """Whether who has gained *today_e4* today has lost all that may be lost."""
        return -today_e4 >= self.daily_loss_e4


#: All there are.
ROSTER = (
    Bot(BotKind.MEAN_REVERT, 1),
    Bot(BotKind.NOISE, 1),
    Bot(BotKind.NOISE, 2),
    Bot(BotKind.MOMENTUM, 1),
)


def step_of(now_ms: int) -> int:
    """The number of the step that the calendar is in."""
    return now_ms // STEP_MS


def order_key(bot: Bot, fixture: int, idx: InstrumentIdx, step: int) -> str:
    """The idempotency key of what *bot* does with a club in one step, if it does anything.

    So a bot that dies between a decision and its answer does it once, or something else under a
    key that is taken: never twice.
    """
    return f"bot_{bot.name}_{fixture}_{idx}_{step}"


def is_bots(email: str) -> bool:
    """Whether an address is one that only bots have."""
    return email.strip().lower().endswith(f"@{BOT_DOMAIN}")
