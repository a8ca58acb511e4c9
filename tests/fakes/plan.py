"""A feed sold by the hour: it counts calls, whoever makes them, and refuses those beyond."""

from __future__ import annotations

from collections.abc import Callable

from touchline.domain.match import MatchSnapshot
from touchline.store.feed import RateLimited

from tests.fakes.matches import HOUR_MS, FakeFeed


class PlanFeed(FakeFeed):
    """*hourly* calls from the first of an hour on; `hours` are the calls of each hour so far.

    An answer says what is left, as `status` shows, unless `silent`; one that fails is charged all
    the same. While `frozen` the answer before is repeated.
    """

    silent = frozen = False

    def __init__(self, hourly: int, calendar: Callable[[], int], *matches: MatchSnapshot) -> None:
        super().__init__(*matches)
        self.hours: list[int] = []
        self.refused = 0
        self._hourly = hourly
        self._calendar = calendar
        self._began_ms = 0
        self._said: dict[str, int] = {}

    def called(self, name: str) -> None:
        """Count a call."""
        now_ms = self._calendar()
        if not self.hours or now_ms - self._began_ms >= HOUR_MS:
            self._began_ms = now_ms
            self.hours.append(0)
        resets_in_s = -((now_ms - self._began_ms - HOUR_MS) // 1000)
        if self.hours[-1] >= self._hourly:
            self.refused += 1
            raise RateLimited(resets_in_s)
        self.hours[-1] += 1
        super().called(name)
        if self.silent or self.frozen:
            return
        self._said = {"remaining": self._hourly - self.hours[-1], "resets_in_s": resets_in_s}

    def status(self) -> dict[str, int]:
        """What the last good answer said."""
        return {"unreadable": 0} | self._said
