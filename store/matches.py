"""Matches in Postgres as the scheduler keeps them: plan, score, history, result.

A result is written once (`settled_at`), in one transaction with the ratings it
moves and the base prices it left. Those are a fact of their own: the rows of
the instruments follow when they are flushed, and if Redis loses the result
before that, the fact brings it back (`store/newest.py`). Everything else is what
was last seen and may be written again, by the scheduler that leads: what one saw
that has been overtaken is old, so a fence keeps it out. A result that Redis has lost since it
said so is kept out as well: it is shown the life of Redis.

Source: docs/market.md, "Matches and trading".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from psycopg2.extras import execute_values

from ..domain.halts import Phase
from ..domain.ids import InstrumentIdx
from ..domain.instrument import Instrument
from ..domain.match import MatchSnapshot, Score, Team
from ..domain.tracking import Tracked
from .clubs import enrol, untraded
from .commands import Bases
from .fence import Fence
from .life import show_life
from .match_events import write_events
from .postgres import Postgres
from .refusals import Cursor

# A match that has begun is known better from play than from the plan. One that
# came to nothing and is planned anew starts from other prices.
_PLAN = """
INSERT INTO fixtures AS f (id, league_id, round_id, home_team_id, away_team_id, starting_at,
                           state, phase, home_goals, away_goals, updated_at)
VALUES %s
ON CONFLICT (id) DO UPDATE SET
    (league_id, round_id, home_team_id, away_team_id, starting_at, state, phase,
     home_goals, away_goals, updated_at, e_kickoff_bps, rating_lead, pre_home_px, pre_away_px)
  = (excluded.league_id, excluded.round_id, excluded.home_team_id, excluded.away_team_id,
     excluded.starting_at, excluded.state, excluded.phase,
     excluded.home_goals, excluded.away_goals, excluded.updated_at, NULL, NULL, NULL, NULL)
WHERE f.phase IN ('scheduled', 'void') AND f.settled_at IS NULL AND f.voided_at IS NULL
"""

_OPEN = """
SELECT f.id, f.league_id, l.name, l.weight_bps, f.round_id, f.starting_at, f.state, f.minute,
       f.home_goals, f.away_goals, f.home_reds, f.away_reds, f.home_penalties, f.away_penalties,
       f.e_kickoff_bps IS NOT NULL AS opened,
       h.id, h.name, h.short_code, h.rating, hi.idx,
       a.id, a.name, a.short_code, a.rating, ai.idx
  FROM fixtures f
  JOIN leagues l ON l.id = f.league_id
  JOIN teams h ON h.id = f.home_team_id JOIN instruments hi ON hi.team_id = h.id
  JOIN teams a ON a.id = f.away_team_id JOIN instruments ai ON ai.team_id = a.id
 WHERE f.settled_at IS NULL AND f.voided_at IS NULL
 ORDER BY f.starting_at, f.id
"""

_OPENED = """
UPDATE fixtures SET e_kickoff_bps = %s, rating_lead = %s, pre_home_px = %s, pre_away_px = %s
 WHERE id = %s AND e_kickoff_bps IS NULL
"""

_SEEN = """
UPDATE fixtures f
   SET starting_at = v.starting_at, state = v.state, phase = v.phase, minute = v.minute,
       home_goals = v.home, away_goals = v.away, home_reds = v.home_reds, away_reds = v.away_reds,
       home_penalties = v.home_penalties, away_penalties = v.away_penalties,
       updated_at = v.observed_at,
       -- What came to nothing and is played after all starts from the prices of then.
       e_kickoff_bps = CASE WHEN v.phase = 'void' THEN NULL ELSE f.e_kickoff_bps END,
       rating_lead = CASE WHEN v.phase = 'void' THEN NULL ELSE f.rating_lead END,
       pre_home_px = CASE WHEN v.phase = 'void' THEN NULL ELSE f.pre_home_px END,
       pre_away_px = CASE WHEN v.phase = 'void' THEN NULL ELSE f.pre_away_px END
  FROM (VALUES %s) AS v (id, starting_at, state, phase, minute, home, away, home_reds, away_reds,
                         home_penalties, away_penalties, observed_at)
 WHERE f.id = v.id AND f.settled_at IS NULL AND f.voided_at IS NULL
"""
_SEEN_ROW = (
    "(%s::bigint, %s::timestamptz, %s, %s, %s::smallint, %s::smallint, %s::smallint,"
    " %s::smallint, %s::smallint, %s::smallint, %s::smallint, %s::timestamptz)"
)

_HISTORY = """
INSERT INTO match_scores (fixture_id, seq, home, away, home_reds, away_reds, home_penalties,
                          away_penalties, minute, state, source_hash, observed_at)
SELECT v.id, coalesce(last.seq, 0) + 1, v.home, v.away, v.home_reds, v.away_reds,
       v.home_penalties, v.away_penalties, v.minute, v.state, v.source_hash, v.observed_at
  FROM (VALUES %s) AS v (id, home, away, home_reds, away_reds, home_penalties, away_penalties,
                         minute, state, source_hash, observed_at)
  LEFT JOIN LATERAL (SELECT seq, source_hash FROM match_scores m WHERE m.fixture_id = v.id
                     ORDER BY seq DESC LIMIT 1) last ON true
 WHERE last.source_hash IS DISTINCT FROM v.source_hash
"""
_HISTORY_ROW = (
    "(%s::bigint, %s::smallint, %s::smallint, %s::smallint, %s::smallint, %s::smallint,"
    " %s::smallint, %s::smallint, %s, %s::bytea, %s::timestamptz)"
)

_SETTLE = """
UPDATE fixtures
   SET settled_at = %s, updated_at = %s, state = %s, phase = 'finished', minute = %s,
       home_goals = %s, away_goals = %s, home_reds = %s, away_reds = %s,
       home_penalties = %s, away_penalties = %s,
       post_home_px = %s, home_version = %s, post_away_px = %s, away_version = %s,
       home_idx = (SELECT idx FROM instruments WHERE team_id = home_team_id),
       away_idx = (SELECT idx FROM instruments WHERE team_id = away_team_id)
 WHERE id = %s AND settled_at IS NULL AND voided_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class OpenMatches:
    """Every match not settled, and the rating of every team that plays in one."""

    tracked: tuple[Tracked, ...]
    ratings: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a match started from: the home side's expected result, both clubs' base prices.

    *rating_lead* is the home rating minus the away rating.
    """

    fixture: int
    kickoff_bps: int
    rating_lead: int
    home_px: int
    away_px: int


class Matches:
    """The scheduler's side of leagues, teams, instruments, fixtures and match_scores.

    Whatever writes raises `Fenced` once another scheduler leads.
    """

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg
        self._fence = Fence(pg, "scheduler")

    def lead(self) -> None:
        """Keep out whoever led before; call after every acquisition of the lease."""
        self._fence.take()
        with self._pg.transaction() as cursor:
            self._fence.show(cursor)

    def admit(self, cursor: Cursor) -> None:
        """Show in somebody else's transaction that we lead; `Fenced` if another does."""
        self._fence.show(cursor)

    def plan(self, matches: Sequence[MatchSnapshot], now_ms: int) -> None:
        """Take in a listing: new clubs and matches, and what changed of those not begun."""
        rows = [
            (
                *(m.fixture, m.league, m.round_id, m.home.id, m.away.id, _at(m.kickoff_ms)),
                *(m.state, m.phase.value, m.score.home, m.score.away, _at(now_ms)),
            )
            for m in matches
        ]
        with self._pg.transaction() as cursor:
            self._fence.show(cursor)
            enrol(cursor, matches)
            if rows:
                execute_values(cursor, _PLAN, rows)

    def untraded(self) -> tuple[Instrument, ...]:
        """Instruments that are as they were listed, for Redis to take in if it has not."""
        with self._pg.transaction() as cursor:
            return untraded(cursor)

    def open(self) -> OpenMatches:
        """All matches that are not settled, by kick-off, as they were last seen."""
        with self._pg.transaction() as cursor:
            cursor.execute(_OPEN)
            rows = cursor.fetchall()
        ratings: dict[int, int] = {}
        for row in rows:
            ratings[row[15]] = row[18]
            ratings[row[20]] = row[23]
        return OpenMatches(tuple(map(_tracked, rows)), ratings)

    def opened(self, openings: Iterable[Opening]) -> None:
        """Record what matches started from; a record that is there stays."""
        with self._pg.transaction() as cursor:
            self._fence.show(cursor)
            for opening in openings:
                started = (opening.kickoff_bps, opening.rating_lead)
                bases = (opening.home_px, opening.away_px)
                cursor.execute(_OPENED, (*started, *bases, opening.fixture))

    def seen(self, matches: Sequence[MatchSnapshot], now_ms: int) -> None:
        """Record what *matches* look like at *now_ms*; history grows where it counts."""
        begun = [m for m in matches if m.phase is not Phase.SCHEDULED]
        with self._pg.transaction() as cursor:
            self._fence.show(cursor)
            execute_values(cursor, _SEEN, [_seen_row(m, now_ms) for m in matches], _SEEN_ROW)
            if begun:
                history = [_history_row(m, now_ms) for m in begun]
                execute_values(cursor, _HISTORY, history, _HISTORY_ROW)
            write_events(cursor, matches, _at(now_ms))

    def settle(self, match: MatchSnapshot, rating_gain: int, bases: Bases, now_ms: int) -> bool:
        """Record the result of *match* and move both ratings; return False if that was done.

        *rating_gain* goes to the home club and comes from the away club.

        Raises:
            Superseded: Redis was put back since it said *bases*; nothing was written.
        """
        at = _at(now_ms)
        seen = (at, at, match.state, match.minute, *_score(match.score))
        left = (bases.home.px, bases.home.version, bases.away.px, bases.away.version)
        result = (*seen, *left, match.fixture)
        with self._pg.transaction() as cursor:
            show_life(cursor, bases.life)
            self._fence.show(cursor)
            cursor.execute(_SETTLE, result)
            if cursor.rowcount == 0:
                return False
            execute_values(cursor, _HISTORY, [_history_row(match, now_ms)], _HISTORY_ROW)
            for team, points in ((match.home, rating_gain), (match.away, -rating_gain)):
                cursor.execute(
                    "UPDATE teams SET rating = rating + %s WHERE id = %s", (points, team.id)
                )
        return True


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _score(score: Score) -> tuple[int | None, ...]:
    return (
        score.home,
        score.away,
        score.home_reds,
        score.away_reds,
        score.home_penalties,
        score.away_penalties,
    )


def _seen_row(m: MatchSnapshot, now_ms: int) -> tuple[Any, ...]:
    head = (m.fixture, _at(m.kickoff_ms), m.state, m.phase.value, m.minute)
    return *head, *_score(m.score), _at(now_ms)


def _history_row(m: MatchSnapshot, now_ms: int) -> tuple[Any, ...]:
    digest = sha256(repr((m.state, _score(m.score))).encode()).digest()
    return m.fixture, *_score(m.score), m.minute, m.state, digest, _at(now_ms)


def _tracked(row: Sequence[Any]) -> Tracked:
    fixture, league, league_name, weight_bps, round_id, starting_at, state, minute = row[:8]
    return Tracked(
        match=MatchSnapshot(
            fixture=fixture,
            league=league,
            league_name=league_name,
            round_id=round_id,
            kickoff_ms=round(starting_at.timestamp() * 1000),
            state=state,
            home=Team(*row[15:18]),
            away=Team(*row[20:23]),
            score=Score(*row[8:14]),
            minute=minute,
        ),
        home=InstrumentIdx(row[19]),
        away=InstrumentIdx(row[24]),
        weight_bps=weight_bps,
        opened=row[14],
    )
