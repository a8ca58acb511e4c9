"""Messages of the bot engine; all of them from its own timers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepDue:
    """The calendar may have come to another step."""


@dataclass(frozen=True, slots=True)
class LeaseDue:
    """The lease should be renewed, or asked for."""


BotEngineMessage = StepDue | LeaseDue
