"""What the bot engine counts, and what it last saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class BotMeter:
    """The bots of one api-server.

    Attributes:
        results: what came of their orders, by bot and result.
        refused: those of them that were refused, by the refusal's code.
        today_e4, ever_e4: what each bot had gained when last looked at, gifts left out.
        enabled: whether they might trade then; None before a look.
        steps: steps taken. ``passed``: those of the calendar that were over before they were seen.
    """

    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    today_e4: dict[str, int] = field(default_factory=dict)
    ever_e4: dict[str, int] = field(default_factory=dict)
    enabled: bool | None = None
    steps: int = 0
    passed: int = 0
