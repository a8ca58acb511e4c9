"""Answers as a recording has them at the calendar's now: what the feed had said last.

Whoever asks need not ask what was asked then, nor when: a fixture is as it was said last by any
answer that showed it, and where the last answer of that kind was a failure, so is this one. Pages
of a listing are as they were, once they had been read.

Source: docs/operations.md, "Recordings".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

import msgspec

from .recording import Fields, Line, asked, kind_of
from .web import Answer, NoAnswer

KEPT_MS = 130_000  #: two lines of the same answer are a minute apart; beyond that nobody asked


class ReplayedWeb:
    """Answers from *lines*, in order of time."""

    def __init__(self, lines: Iterable[Line], calendar: Callable[[], int]) -> None:
        self._lines = deque(lines)
        self._calendar = calendar
        self._asks = {line.ask for line in self._lines}
        self._last: dict[str, Line] = {}  # by kind of question; a page of a listing by itself
        self._fixtures: dict[str, dict[int, Fields]] = {"played": {}, "planned": {}}

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The answer to *url* at the calendar's now. Raises NoAnswer."""
        now_ms = self._calendar()
        self._catch_up(now_ms)
        ask = asked(url)
        match kind_of(ask):
            case "inplay":
                last = self._last.get("inplay")
                if last is None or now_ms - last.at > KEPT_MS:
                    raise NoAnswer("nothing was recorded")
                return _answer(last, last.data)
            case "multi":
                ids = [int(number) for number in ask.rsplit("/", 1)[1].split(",")]
                played = self._fixtures["played"]
                found = [played[fixture] for fixture in ids if fixture in played]
                return _answer(self._last.get("multi"), found)
            case _:
                return self._page(ask)

    def _page(self, ask: str) -> Answer:
        page = self._last.get(ask)
        if page is not None:
            return _answer(page, page.data)
        if ask in self._asks:
            raise NoAnswer("it was recorded later")
        # Nobody asked for these days then: all that was ever listed is on their first page.
        return _answer(None, list(self._fixtures["planned"].values()))

    def _catch_up(self, now_ms: int) -> None:
        while self._lines and self._lines[0].at <= now_ms:
            line = self._lines.popleft()
            kind = kind_of(line.ask)
            self._last[line.ask if kind == "between" else kind] = line
            known = self._fixtures["planned" if kind == "between" else "played"]
            for fixture in line.data or ():
                if "id" in fixture:
                    known[fixture["id"]] = fixture


def _answer(last: Line | None, data: list[Fields] | None) -> Answer:
    """The failure that *last* was, or *data*."""
    if last is not None and last.error is not None:
        raise NoAnswer(last.error)
    if last is not None and last.text is not None:
        return Answer(last.status, {}, last.text.encode("latin-1"))
    body: Fields = {"message": last.message or "" if last is not None else ""}
    if last is not None and last.rate_limit is not None:
        body["rate_limit"] = last.rate_limit
    if last is not None and last.pagination is not None:
        body["pagination"] = last.pagination
    if data:
        body["data"] = [fixture.get("unread", fixture) for fixture in data]
    return Answer(last.status if last is not None else 200, {}, msgspec.json.encode(body))
