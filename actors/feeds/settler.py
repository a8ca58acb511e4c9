"""Carries out results that have been seen to stand: in Redis, then in Postgres.

Source: docs/market.md, "Matches and trading".
"""

from collections.abc import Mapping

import structlog

from ...domain.ids import InstrumentIdx
from ...domain.match import MatchSnapshot
from ...domain.review import Reviewed, settled_now
from ...domain.standing import Standing
from ...domain.tracking import Tracked
from ...store.hot import Hot
from ...store.matches import Matches
from ..meters import FeedMeter
from .index_writer import IndexWriter

log = structlog.get_logger(__name__)


class Settler:
    """Has *writer* settle in Redis, and *matches* write down what it has left there."""

    def __init__(self, writer: IndexWriter, matches: Matches, hot: Hot, meter: FeedMeter) -> None:
        self._writer = writer
        self._matches = matches
        self._hot = hot
        self._meter = meter

    def settle(
        self,
        tracked: Tracked,
        gain: int,
        standings: Mapping[InstrumentIdx, Standing],
        now_ms: int,
    ) -> Reviewed | None:
        """Settle *tracked*, whose home side gains *gain* points; return it as it may be reviewed.

        None if Redis has lost the result just now: the next poll carries it out again.

        Raises:
            Fenced: another replica has taken over.
        """
        self._writer.settle(tracked, standings, now_ms)
        match = tracked.match
        bases = self._hot.bases(match.fixture)
        if bases is None:
            # On record it would count as carried out for ever.
            log.warning("settlement_lost", fixture=match.fixture)
            return None
        self._matches.settle(match, gain, bases, now_ms)
        self._meter.settled += 1
        log.info("fixture_settled", fixture=match.fixture, **_result(match))
        return settled_now(tracked, (bases.home.version, bases.away.version), now_ms)


def _result(match: MatchSnapshot) -> dict[str, object]:
    score = match.score
    return {
        "home": match.home.name,
        "away": match.away.name,
        "score": [score.home, score.away],
        "penalties": [score.home_penalties, score.away_penalties],
    }
