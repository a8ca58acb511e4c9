"""Carries what the feed says of each club into the market, under the scheduler's lease.

Source: docs/market.md, "The index".
"""

from collections.abc import Iterable, Mapping

from ...domain.halts import FEED_HALTS, Halt
from ...domain.ids import InstrumentIdx
from ...domain.instrument import Instrument
from ...domain.refusals import Refusal, Refused
from ...domain.ticks import IndexChange
from ...domain.tracking import AT_REST, PLAYING, Standing, Tracked
from ...store.lease import Lease
from ...store.scripts import Scripts

HEARTBEAT_MS = 60_000  #: a club in play publishes a price at least this often (calendar)

Said = tuple[int, str, Halt]


class Fenced(Exception):
    """Another replica holds the lease; nothing was changed."""


class UnknownInstrument(Exception):
    """Redis lacks an instrument that Postgres lists."""


class IndexWriter:
    """Sends each instrument's standing when it differs from what was sent before."""

    def __init__(self, scripts: Scripts, lease: Lease) -> None:
        self._scripts = scripts
        self._lease = lease
        self._said: dict[InstrumentIdx, Said] = {}
        self._beat_ms: dict[InstrumentIdx, int] = {}

    def resume(self, instruments: Iterable[Instrument]) -> None:
        """Go on from what *instruments* are now."""
        self._said = {i.idx: (i.offset_bps, i.phase, i.halt & FEED_HALTS) for i in instruments}

    def blind(self, instruments: Iterable[Instrument], now_ms: int) -> None:
        """Halt those of *instruments* that are in play: nobody sees their matches."""
        self._send(
            IndexChange(idx=i.idx, now_ms=now_ms, halt=(i.halt & FEED_HALTS) | Halt.FEED_STALE)
            for i in instruments
            if i.phase in PLAYING
        )

    def apply(self, standings: Mapping[InstrumentIdx, Standing], now_ms: int) -> frozenset[int]:
        """Bring every instrument to its standing, those without one to rest.

        Returns:
            Fixtures among them that are settled already, so that they change nothing.

        Raises:
            Fenced: another replica has taken over.
        """
        return self._bring(dict.fromkeys(self._said, AT_REST) | dict(standings), now_ms)

    def settle(
        self, tracked: Tracked, standings: Mapping[InstrumentIdx, Standing], now_ms: int
    ) -> None:
        """Make the result of *tracked* part of both base prices, once, and let trading resume.

        The final index is sent again, whatever was sent before: it is what becomes the base.
        """
        clubs = (tracked.home, tracked.away)
        self._send([self._change(idx, standings[idx], now_ms) for idx in clubs])
        outcome = self._scripts.fixture_settle(
            tracked.match.fixture, *clubs, self._lease.key, self._lease.owner
        )
        if isinstance(outcome, Refused) and outcome.code is not Refusal.SETTLED:
            raise _refusal(outcome)
        self._bring(dict.fromkeys(clubs, AT_REST), now_ms)

    def _bring(self, wanted: Mapping[InstrumentIdx, Standing], now_ms: int) -> frozenset[int]:
        changes = {
            idx: self._change(idx, standing, now_ms)
            for idx, standing in wanted.items()
            if self._said.get(idx) != _said(standing) or self._beat_due(idx, standing, now_ms)
        }
        settled = self._send(changes.values())
        for idx, change in changes.items():
            if change.fixture not in settled:
                self._said[idx] = _said(wanted[idx])
                self._beat_ms[idx] = now_ms
        return settled

    def _send(self, changes: Iterable[IndexChange]) -> frozenset[int]:
        batch = list(changes)
        if not batch:
            return frozenset()
        settled = set()
        outcomes = self._scripts.index_apply_all(batch, self._lease.key, self._lease.owner)
        for change, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Refused):
                if outcome.code is not Refusal.SETTLED or change.fixture is None:
                    raise _refusal(outcome)
                settled.add(change.fixture)
        return frozenset(settled)

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


def _refusal(refused: Refused) -> Exception:
    if refused.code is Refusal.FENCED:
        return Fenced("another replica holds the lease")
    return UnknownInstrument(refused.code)
