"""Carries what the feed says of each club into the market, under the scheduler's lease.

Source: docs/market.md, "The index".
"""

from collections.abc import Iterable, Mapping

from ...domain.halts import FEED_HALTS, Halt
from ...domain.ids import InstrumentIdx
from ...domain.instrument import Instrument
from ...domain.refusals import Refusal, Refused
from ...domain.standing import AT_REST, Standing
from ...domain.ticks import IndexChange
from ...domain.tracking import PLAYING, Tracked
from ...store.commands import Indexed
from ...store.fence import Fenced
from ...store.lease import Lease
from ...store.scripts import IndexOutcome, Scripts, SettleOutcome
from ..meters import FeedMeter

HEARTBEAT_MS = 60_000  #: a club in play publishes a price at least this often (calendar)

Said = tuple[int, str, Halt]


class UnknownInstrument(Exception):
    """Redis lacks an instrument that Postgres lists."""


class IndexWriter:
    """Sends each instrument's standing when it differs from what was sent before."""

    def __init__(self, scripts: Scripts, lease: Lease, meter: FeedMeter) -> None:
        self._meter = meter
        self._scripts = scripts
        self._lease = lease
        self._said: dict[InstrumentIdx, Said] = {}
        self._beat_ms: dict[InstrumentIdx, int] = {}

    def resume(self, instruments: Iterable[Instrument]) -> None:
        """Go on from what *instruments* are now."""
        self._said = {i.idx: (i.offset_bps, i.phase, i.halt) for i in instruments}

    def blind(self, instruments: Iterable[Instrument], now_ms: int) -> None:
        """Halt those of *instruments* that are in play: nobody sees their matches."""
        self._send(
            IndexChange(idx=i.idx, now_ms=now_ms, halt=(i.halt & FEED_HALTS) | Halt.FEED_STALE)
            for i in instruments
            if i.phase in PLAYING
        )

    def apply(self, standings: Mapping[InstrumentIdx, Standing], now_ms: int) -> None:
        """Bring every instrument to its standing, those without one to rest.

        Raises:
            Fenced: another replica has taken over.
        """
        self._bring(dict.fromkeys(self._said, AT_REST) | dict(standings), now_ms)

    def settle(
        self, tracked: Tracked, standings: Mapping[InstrumentIdx, Standing], now_ms: int
    ) -> None:
        """Make the result of *tracked* part of both base prices, once, and let trading resume.

        The final index is sent again, whatever was sent before: it is what becomes the base.
        """
        clubs = (tracked.home, tracked.away)
        self._send(self._change(idx, standings[idx], now_ms) for idx in clubs)
        outcome = self._scripts.fixture_settle(
            tracked.match.fixture, *clubs, self._lease.key, self._lease.owner
        )
        _check(outcome)
        self._bring(dict.fromkeys(clubs, AT_REST), now_ms)

    def _bring(self, wanted: Mapping[InstrumentIdx, Standing], now_ms: int) -> None:
        due = {
            idx: standing
            for idx, standing in wanted.items()
            if self._said.get(idx) != _said(standing) or self._beat_due(idx, standing, now_ms)
        }
        self._send(self._change(idx, standing, now_ms) for idx, standing in due.items())
        for idx, standing in due.items():
            self._said[idx] = _said(standing)
            self._beat_ms[idx] = now_ms

    def _send(self, changes: Iterable[IndexChange]) -> None:
        batch = list(changes)
        if batch:
            outcomes = self._scripts.index_apply_all(batch, self._lease.key, self._lease.owner)
            self._meter.ticks += sum(isinstance(one, Indexed) and one.ticked for one in outcomes)
            for outcome in outcomes:
                _check(outcome)

    def _change(self, idx: InstrumentIdx, standing: Standing, now_ms: int) -> IndexChange:
        return IndexChange(
            idx=idx,
            now_ms=now_ms,
            offset_bps=standing.offset_bps,
            phase=standing.phase,
            halt=standing.halt,
            heartbeat=self._beat_due(idx, standing, now_ms),
            fixture=standing.fixture,
        )

    def _beat_due(self, idx: InstrumentIdx, standing: Standing, now_ms: int) -> bool:
        if standing.phase not in PLAYING:
            return False
        return now_ms - self._beat_ms.get(idx, 0) >= HEARTBEAT_MS


def _said(standing: Standing) -> Said:
    return standing.offset_bps, standing.phase, standing.halt


def _check(outcome: IndexOutcome | SettleOutcome) -> None:
    if not isinstance(outcome, Refused):
        return
    match outcome.code:
        case Refusal.SETTLED:
            # The result is in the base price already; only its row is missing (a crash between
            # the two), and it comes once the result has stood again.
            return
        case Refusal.FENCED:
            raise Fenced("another replica holds the lease")
        case _:
            raise UnknownInstrument(outcome.code)
