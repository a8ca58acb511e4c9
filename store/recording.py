"""What a feed has said, in a file: one line of JSON for each answer that said something new.

    {"at": 1785587407120, "ask": "/livescores/inplay", "status": 200,
     "data": [{"id": 613878001, "scores": […]}, 613878002]}

`at` is calendar ms, `ask` what was asked without what is asked every time. Of a fixture there are
the fields that Touchline reads and that differ from what was said of it before by that kind of
question, or its number alone if none does. One that cannot be read stands there as it came, under
`unread`. An answer without data has its `message`, one that is no JSON a beginning of its `text`,
and where none came there is the `error`. The same answer again has a line at most once a minute, so
that a gap means that nobody asked.

Source: docs/operations.md, "Recordings".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import parse_qsl, urlsplit

import msgspec

from .sportmonks_body import Envelope, Pagination, Quota, decode_envelope, essentials
from .web import Answer, Asks, NoAnswer

SAME_EVERY_MS = 60_000  #: an answer like the one before has a line again after this long
TEXT_MAX = 200  #: characters kept of a body that is no JSON

Fields = dict[str, Any]
Memory = dict[tuple[str, int], Fields]  # by kind of question and fixture


class RecordingUnreadable(Exception):
    """The file is no recording; the text names the file and the line."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One answer; *data* has whole fixtures once it has been read."""

    at: int
    ask: str
    status: int = 0
    data: list[Any] | None = None
    message: str | None = None
    pagination: Pagination | None = None
    rate_limit: Quota | None = None
    text: str | None = None
    error: str | None = None


class Recorder:
    """Asks through *web* and writes what comes to *file*; *base_url* is left out."""

    def __init__(self, web: Asks, base_url: str, calendar: Callable[[], int], file: TextIO) -> None:
        self._web = web
        self._base = urlsplit(base_url).path.rstrip("/")
        self._calendar = calendar
        self._file = file
        self._said: Memory = {}
        self._last: dict[str, Line] = {}

    def get(self, url: str, headers: Any) -> Answer:
        """The answer, which is in the file before it is returned. Raises NoAnswer."""
        at, ask = self._calendar(), asked(url, self._base)
        try:
            answer = self._web.get(url, headers)
        except NoAnswer as why:
            self._write(Line(at, ask, error=str(why)))
            raise
        self._write(_line(at, ask, answer))
        return answer

    def _write(self, line: Line) -> None:
        before = self._last.get(line.ask)
        same = before is not None and _timeless(before) == _timeless(line)
        if same and before is not None and line.at - before.at < SAME_EVERY_MS:
            return
        self._last[line.ask] = line
        told = msgspec.structs.replace(line, data=_shortened(line, self._said))
        self._file.write(msgspec.json.encode(told).decode() + "\n")
        self._file.flush()


def read_recording(path: Path) -> Iterator[Line]:
    """The lines of the recording at *path*, in order, with whole fixtures.

    Raises:
        RecordingUnreadable: it is none.
    """
    said: Memory = {}
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                try:
                    line = msgspec.json.decode(text, type=Line)
                    yield msgspec.structs.replace(line, data=_completed(line, said))
                except (msgspec.MsgspecError, KeyError) as error:
                    raise RecordingUnreadable(f"{path}:{number}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingUnreadable(f"{path}: {error}") from error


def asked(url: str, base: str = "") -> str:
    """What *url* asks for, as a line has it; *base* is the path of the feed's address."""
    parts = urlsplit(url)
    path = parts.path.removeprefix(base)
    page = dict(parse_qsl(parts.query)).get("page")
    return f"{path}?page={page}" if page else path


def kind_of(ask: str) -> str:
    """What kind of question *ask* is: `inplay`, `multi` or `between`."""
    parts = ask.split("/")
    return parts[2] if len(parts) > 2 else ask


def _line(at: int, ask: str, answer: Answer) -> Line:
    try:
        said = decode_envelope(answer.body)
    except msgspec.DecodeError:
        text = answer.body[:TEXT_MAX].decode("latin-1")
        return Line(at, ask, status=answer.status, text=text)
    return Line(
        at,
        ask,
        status=answer.status,
        data=_fixtures(said),
        message=said.message,
        pagination=said.pagination,
        # It is another one each time; only a refusal is made of it.
        rate_limit=said.rate_limit if answer.status != 200 else None,
    )


def _fixtures(said: Envelope) -> list[Any] | None:
    if isinstance(said.data, msgspec.UnsetType):
        return None
    return [essentials(raw) or {"unread": msgspec.json.decode(raw)} for raw in said.data]


def _timeless(line: Line) -> Line:
    return msgspec.structs.replace(line, at=0)


def _shortened(line: Line, said: Memory) -> list[Any] | None:
    return None if line.data is None else [_short(line.ask, each, said) for each in line.data]


def _short(ask: str, fixture: Fields, said: Memory) -> Any:
    if "unread" in fixture:
        return fixture
    key = (kind_of(ask), fixture["id"])
    before, said[key] = said.get(key, {}), fixture
    changed = {name: value for name, value in fixture.items() if _differs(before, name, value)}
    return {"id": fixture["id"]} | changed if changed else fixture["id"]


def _differs(before: Fields, name: str, value: Any) -> bool:
    return name not in before or bool(before[name] != value)


def _completed(line: Line, said: Memory) -> list[Any] | None:
    return None if line.data is None else [_whole(line.ask, each, said) for each in line.data]


def _whole(ask: str, fixture: Any, said: Memory) -> Fields:
    if isinstance(fixture, dict) and "unread" in fixture:
        return fixture
    short: Fields = fixture if isinstance(fixture, dict) else {"id": fixture}
    key = (kind_of(ask), short["id"])
    if not isinstance(fixture, dict) and key not in said:
        raise KeyError(f"nothing was said of fixture {fixture} before")
    said[key] = said.get(key, {}) | short
    return said[key]
