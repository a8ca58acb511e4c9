"""Answers as a recording has them at the calendar's now: what the feed had said last.

Whoever asks need not ask what was asked then, nor when: a fixture is as it was said last by any
answer that showed it, and where the last answer of that kind was a failure, so is this one.

Source: docs/operations.md, "Recordings".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

from .recording import Fields, Line, kind_of
from .web import Answer, NoAnswer

KEPT_MS = 130_000  #: two lines of the same answer are a minute apart; beyond that nobody asked


class ReplayedWeb:
    """Answers from *lines*, in order of time."""

    def __init__(self, lines: Iterable[Line], calendar: Callable[[], int]) -> None:
        self._lines = iter(lines)
        self._calendar = calendar
        self._ahead: Line | None = next(self._lines, None)
        self._last: dict[str, Line] = {}
        self._fixtures: dict[str, dict[int, Fields]] = {"played": {}, "planned": {}}

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The answer to *url* at the calendar's now. Raises NoAnswer."""
        now_ms = self._calendar()
        self._catch_up(now_ms)
        path = urlsplit(url).path
        kind = next(kind for kind in ("inplay", "multi", "between") if f"/{kind}" in path)
        last = self._last.get(kind)
        if kind == "inplay" and (last is None or now_ms - last.at > KEPT_MS):
            raise NoAnswer("nothing was recorded")
        if last is not None and last.error is not None:
            raise NoAnswer(last.error)
        if last is not None and (last.status != 200 or last.text is not None):
            return _failed(last)
        if kind == "inplay":
            return _found(last.data if last is not None else None)
        return _found(self._known(kind, path))

    def _known(self, kind: str, path: str) -> list[Fields]:
        if kind == "between":
            return list(self._fixtures["planned"].values())
        ids = [int(number) for number in path.rsplit("/", 1)[1].split(",")]
        played = self._fixtures["played"]
        return [played[fixture] for fixture in ids if fixture in played]

    def _catch_up(self, now_ms: int) -> None:
        while self._ahead is not None and self._ahead.at <= now_ms:
            line, self._ahead = self._ahead, next(self._lines, None)
            kind = kind_of(line.ask)
            self._last[kind] = line
            known = self._fixtures["planned" if kind == "between" else "played"]
            for fixture in line.data or ():
                if "id" in fixture:
                    known[fixture["id"]] = fixture


def _found(data: list[Fields] | None) -> Answer:
    if not data:
        return Answer(200, {}, b'{"message":"No result(s) found matching your request."}')
    shown = [fixture.get("unread", fixture) for fixture in data]
    return Answer(200, {}, msgspec.json.encode({"data": shown}))


def _failed(line: Line) -> Answer:
    if line.text is not None:
        return Answer(line.status, {}, line.text.encode("latin-1"))
    body: Fields = {"message": line.message}
    if line.rate_limit is not None:
        body["rate_limit"] = line.rate_limit
    return Answer(line.status, {}, msgspec.json.encode(body))
