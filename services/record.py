"""`touchline record`: keeps in a file what a feed says, for `touchline replay`.

It asks for what a scheduler would, within the plan, and needs no servers. Beside an api-server that
reads the same plan both take from it, and both slow down.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gevent
import msgspec
import structlog
from gevent.event import Event

from ..actors.feeds.budget import Budget
from ..actors.feeds.pace import Pace
from ..actors.feeds.spectator import Spectator
from ..config import FeedSettings
from ..domain.clock import Calendar, system_calendar
from ..store.recording import Recorder
from ..store.sportmonks import BODY_MAX, Sportmonks
from ..store.web import Asks, NoAnswer, Web

log = structlog.get_logger(__name__)


class RecordRefused(Exception):
    """It cannot record; the text is the one line to show."""


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """The command line, parsed; *follow_clock*: it is a match server, whose calendar counts."""

    file: Path
    feed: FeedSettings
    follow_clock: bool


def run(options: RecordOptions) -> int:
    """Record until told to stop.

    Raises:
        RecordRefused: the file is there already or cannot be written, or there is no match server
            at the address.
    """
    calendar, speed = _calendar(options)
    try:
        file = options.file.open("x", encoding="utf-8")
    except OSError as why:
        raise RecordRefused(f"{options.file}: {why.strerror}") from None
    with file, _told_to_stop() as told:
        recorder = Recorder(Web(body_max=BODY_MAX), options.feed.url, calendar, file)
        record(recorder, options, calendar, Pace.at(speed, options.feed.hourly), told)
    return 0


def record(web: Asks, options: RecordOptions, calendar: Calendar, pace: Pace, told: Event) -> None:
    """Follow the feed through *web* until *told* is set."""
    feed = Sportmonks(options.feed.url, options.feed.token, web=web)
    spectator = Spectator(feed, pace, Budget(feed, hourly=pace.hourly))
    log.info("recording", file=str(options.file), feed=options.feed.url)
    while not told.is_set():
        spectator.poll(calendar())
        told.wait(pace.poll_s)


class _Clock(msgspec.Struct):
    now_ms: int
    speed: float


def _calendar(options: RecordOptions) -> tuple[Calendar, float]:
    if not options.follow_clock:
        return system_calendar, 1.0
    root = options.feed.url.rstrip("/").removesuffix("/v3/football")
    web, headers = Web(), {"Authorization": options.feed.token}

    def read() -> _Clock:
        try:
            answer = web.get(f"{root}/_ctl/clock", headers)
            return msgspec.json.decode(answer.body, type=_Clock)
        except (NoAnswer, msgspec.MsgspecError) as why:
            raise RecordRefused(f"{root} is no match server: {why}") from None

    clock = read()
    if clock.speed <= 0:
        raise RecordRefused(f"the calendar of {root} stands still")
    return lambda: read().now_ms, clock.speed


@contextmanager
def _told_to_stop() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set."""
    told = Event()
    watchers = [gevent.signal_handler(n, told.set) for n in (signal.SIGINT, signal.SIGTERM)]
    yield told
    for watcher in watchers:
        watcher.cancel()
