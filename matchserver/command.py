"""`touchline match-server`: a season served alone, in a process of its own."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import gevent
import msgspec
from gevent.event import Event

from .clock import WarpClock, windows_of
from .faults import FaultPlan
from .matches import Season, SeasonError
from .mischief import random_plan
from .openfootball import load_openfootball
from .season import generate_season
from .server import MatchServer


class PortRefused(Exception):
    """The match server cannot listen where it should; the text is the one line to show."""


def choose_season(matches: Path | None, seed: int | None) -> Season:
    """The season of the file *matches*, or the generated one of *seed*.

    Raises:
        SeasonError: neither or both are given, or the file cannot be played.
    """
    match matches, seed:
        case Path() as path, None:
            return load_openfootball(path)
        case None, int() as number:
            return generate_season(number)
        case _:
            raise SeasonError("give either --matches FILE or --season SEED")


def choose_faults(season: Season, faults: Path | None, seed: int | None) -> FaultPlan:
    """What is to go wrong in *season*: as the file *faults* has it, as *seed* has it, or nothing.

    Raises:
        SeasonError: both are given, or the file is no plan.
    """
    match faults, seed:
        case None, None:
            return FaultPlan()
        case None, int() as number:
            return random_plan(season, number)
        case Path() as path, None:
            return _plan_of(path)
        case _:
            raise SeasonError("give either --faults FILE or --random-faults SEED")


def _plan_of(path: Path) -> FaultPlan:
    try:
        return msgspec.json.decode(path.read_bytes(), type=FaultPlan)
    except OSError as error:
        raise SeasonError(f"{path}: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SeasonError(f"{path}: {error}") from error


def run(played: Season, faults: FaultPlan, speed: float, port: int) -> None:
    """Serve *played*, with *faults*, until SIGINT or SIGTERM; prints the address when ready.

    Args:
        speed: calendar time to real time.
        port: 0 takes a free one.

    Raises:
        PortRefused: the port is taken, or not for us.
    """
    clock = WarpClock(windows_of(played, speed, faults.lies), speed, time.monotonic)
    server = MatchServer(played, clock, port=port, advance=clock.advance)
    server.follow(faults)
    try:
        server.start()
    except OSError as why:
        raise PortRefused(f"port {port}: {why.strerror}") from None
    print(f"{played.name}: {len(played.matches)} matches on {server.base_url}", flush=True)
    _until_told_to_stop()
    server.stop()


def _until_told_to_stop() -> None:
    told = Event()
    watchers = [
        gevent.signal_handler(number, told.set) for number in (signal.SIGINT, signal.SIGTERM)
    ]
    told.wait()
    for watcher in watchers:
        watcher.cancel()
