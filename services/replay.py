"""`touchline replay`: what a recorded feed makes of prices, by the rules of now.

The scheduler itself reads the recording, on a calendar that steps from one answer to the next, over
Redis and Postgres of its own that are empty before and gone afterwards. The same recording gives
the same bytes, on any machine.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import msgspec

from ..actors.feeds.messages import LeaseDue, PollDue
from ..actors.feeds.pace import Pace
from ..config import Servers
from ..domain.clock import rfc3339
from ..domain.halts import reasons
from ..domain.ids import InstrumentIdx
from ..domain.instrument import Instrument
from ..domain.money import format_px
from ..domain.ticks import Tick
from ..store.embedded import Embedded
from ..store.lease import Lease
from ..store.recording import Line, read_recording
from ..store.replayed_web import ReplayedWeb
from ..store.schema import apply_schema
from ..store.sportmonks import Sportmonks
from .scheduling import scheduler
from .stores import Stores, open_stores

STEP_MS = 2_000  #: between two looks after an answer,
AFTER_MS = 12_000  #: for so long: until a rest after a goal is over, or a match stale;
BETWEEN_MS = 60_000  #: and shortly before the next, if no more time than this lies between them
TICKS_READ = 1_000
ASKED_AT_NO_PRICE = 1_000_000  #: calls an hour; a recording may be asked as often as one likes


def replay(recording: Path, out: TextIO) -> int:
    """Write the ticks of *recording* to *out*, a line of JSON each; return the exit code.

    Raises:
        RecordingUnreadable: it is none. EmbeddedError: the servers cannot run.
    """
    lines = tuple(read_recording(recording))
    with (
        tempfile.TemporaryDirectory(prefix="touchline-replay-") as root,
        Embedded(Path(root), fsync=False) as embedded,
    ):
        servers = Servers(embedded.redis_url, embedded.database_url, "")
        stores = open_stores(servers, "replay", connections=2, gated=False)
        apply_schema(stores.pg)
        for text in ticks_of(lines, stores):
            out.write(text + "\n")
        stores.close()
    return 0


def ticks_of(lines: Iterable[Line], stores: Stores) -> Iterator[str]:
    """Every tick that *lines* come to on the empty *stores*, in order, as JSON."""
    played = tuple(lines)
    calendar = _Stepped()
    web = ReplayedWeb(played, calendar)
    feed = Sportmonks("http://recording", "", web=web)
    lease = Lease(stores.redis, stores.keys.lease("scheduler"), monotonic=time.monotonic)
    following = scheduler(stores, feed, lease, calendar, Pace.at(1, ASKED_AT_NO_PRICE))
    told: dict[InstrumentIdx, str] = {}
    for number, at_ms in enumerate(_instants(line.at for line in played)):
        calendar.now_ms = at_ms
        if number == 0:
            following.started()
        following.receive(LeaseDue())
        following.receive(PollDue())
        yield from _new_ticks(stores, told)
    following.stopped()


class _Stepped:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


def _instants(recorded: Iterable[int]) -> Iterator[int]:
    """When to look: at each answer, and for a while after it."""
    instants = sorted(set(recorded))
    for at_ms, next_ms in zip(instants, [*instants[1:], None], strict=True):
        yield at_ms
        for after_ms in range(STEP_MS, AFTER_MS + 1, STEP_MS):
            if next_ms is None or at_ms + after_ms < next_ms:
                yield at_ms + after_ms
        # The same was said all the while, or there would be another line.
        if next_ms is not None and AFTER_MS + STEP_MS < next_ms - at_ms <= BETWEEN_MS:
            yield next_ms - STEP_MS


def _new_ticks(stores: Stores, told: dict[InstrumentIdx, str]) -> Iterator[str]:
    """The ticks since those *told* of, instrument by instrument; notes them there."""
    for instrument in stores.hot.instruments():
        after = told.get(instrument.idx, "0-0")
        if instrument.last_tick_id == after:
            continue
        for tick in stores.hot.ticks(instrument.idx, after, TICKS_READ):
            yield msgspec.json.encode(_shown(instrument, tick)).decode()
        told[instrument.idx] = instrument.last_tick_id


def _shown(instrument: Instrument, tick: Tick) -> dict[str, object]:
    return {
        "at": rfc3339(int(tick.id.partition("-")[0])),
        "tick": tick.id,
        "instrument": instrument.symbol,
        "seq": tick.seq,
        "index": format_px(tick.index_px),
        "bid": format_px(tick.bid_px),
        "ask": format_px(tick.ask_px),
        "mark": format_px(tick.mark_px),
        "phase": instrument.phase.value,
        "halts": reasons(tick.halt, instrument.phase),
        "why": tick.why,
    }
