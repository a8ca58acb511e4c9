"""Carries out what the feed has said of settled matches for long enough.

Source: docs/market.md, "Results that are put right".
"""

import structlog

from ...domain.review import Reviewed, result_of
from ...domain.reviewbook import ReviewBook
from ...store.corrections import Corrections
from ...store.fixture_acts import Hindrance
from ..meters import FeedMeter

log = structlog.get_logger(__name__)


class Corrector:
    """Puts *corrections* on record, and notes in *book* which ones are."""

    def __init__(self, corrections: Corrections, book: ReviewBook, meter: FeedMeter) -> None:
        self._corrections = corrections
        self._book = book
        self._meter = meter

    def resume(self, now_ms: int) -> None:
        """Read anew what is settled."""
        self._book.refresh(self._corrections.settled(now_ms))

    def put_right(self, settled: Reviewed, now_ms: int) -> bool:
        """Carry out what was said of *settled*; whether that was possible.

        If nothing was, an act on it was broken off: its prices are put back.

        Raises:
            Fenced: another replica has taken over.
        """
        said = settled.said
        if said is None:
            outcome = self._corrections.restore(settled.fixture, now_ms)
        else:
            outcome = self._corrections.put_right(said, now_ms)
        done = not isinstance(outcome, Hindrance)
        self._book.put_right(settled.fixture, done=done)
        told = {"fixture": settled.fixture, "was": settled.result, "now": said and result_of(said)}
        if not done:
            # An operator has to take back what was settled on top of it.
            log.error("result_not_put_right", why=str(outcome), **told)
        elif said is None:
            log.warning("result_restored", fixture=settled.fixture)
        else:
            self._meter.corrected += 1
            log.warning("result_put_right", **told)
        return done
