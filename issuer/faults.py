"""What goes wrong with the issuer on purpose."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Mood:
    """How the issuer answers from now on; changed by whoever holds it.

    Attributes:
        status: of every answer for keys and codes, if it is not to be 200.
        body: in place of the keys.
        hang_s: seconds until such an answer begins.
        max_age_s: for how long the keys may be kept; None says nothing of it.
        asked: how often each path was asked for.
    """

    status: int = 200
    body: bytes | None = None
    hang_s: float = 0.0
    max_age_s: int | None = 21_600
    asked: Counter[str] = field(default_factory=Counter)

    def recover(self) -> None:
        """Answer as one should again."""
        self.status, self.body, self.hang_s = 200, None, 0.0
