"""Candles in Postgres, the last prices of weeks, and how far the ticks of each club are in them.

All are written in one transaction, which asks for the cursors that the ticks were read from. So
whatever breaks off, dies or comes twice: a tick is in each of its candles once.
Source: docs/market.md, "Candles".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..domain.candles import UNROLLED, Candle, Interval, Rolled, Span, coarser
from ..domain.ids import InstrumentIdx
from ..domain.week_prices import WeekClose
from .arrays import Column, array_columns, array_literal, insert_from_arrays
from .fence import Fence, Fenced
from .keys import TRIGGER_LEVELS
from .postgres import Postgres

FORGOTTEN_AT_ONCE = 1_000  #: candles of each club that one statement deletes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES = Interval.FIVE_MINUTES.ms // Interval.MINUTE.ms

_COLUMNS = (
    Column("idx", "idx", "int"),
    Column("iv", "iv", "text"),
    Column("t", "t", "timestamptz"),
    *(Column(name, name) for name in ("o", "h", "l", "c")),
    *(
        Column(name, name, optional=True)
        for span in ("f", "bid", "ask", "mark")
        for name in (f"{span}_l", f"{span}_h")
    ),
    *(Column(name, name) for name in ("vol", "first_seq", "last_seq")),
)

# What domain/candles.py joined() does; least and greatest pass over NULL.
_ADD = f"""{insert_from_arrays("price_candles AS t", _COLUMNS)}
ON CONFLICT (idx, iv, t) DO UPDATE SET
 h = greatest(t.h, excluded.h), l = least(t.l, excluded.l), c = excluded.c,
 f_l = least(t.f_l, excluded.f_l), f_h = greatest(t.f_h, excluded.f_h),
 bid_l = least(t.bid_l, excluded.bid_l), bid_h = greatest(t.bid_h, excluded.bid_h),
 ask_l = least(t.ask_l, excluded.ask_l), ask_h = greatest(t.ask_h, excluded.ask_h),
 mark_l = least(t.mark_l, excluded.mark_l), mark_h = greatest(t.mark_h, excluded.mark_h),
 vol = t.vol + excluded.vol, last_seq = excluded.last_seq"""

_CLOSES = (
    Column("idx", "idx", "int"),
    Column("iso_week", "iso_week", "text"),
    Column("first_seq", "first_seq"),
    Column("last_seq", "last_seq"),
    Column("tick_id", "tick_id", "text"),
    Column("mark_px", "mark_px"),
)

_CLOSE = f"""{insert_from_arrays("week_prices", _CLOSES)}
ON CONFLICT (idx, iso_week) DO UPDATE SET
 last_seq = excluded.last_seq, tick_id = excluded.tick_id, mark_px = excluded.mark_px"""

_BEGIN = "INSERT INTO candle_cursors (idx) SELECT unnest(%s::int[]) ON CONFLICT (idx) DO NOTHING"

_MOVE = """
UPDATE candle_cursors AS c SET tick_id = n.tick_id, seq = n.seq, inventory = n.inventory
  FROM unnest(%s::int[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
    AS n (idx, was, tick_id, seq, inventory)
 WHERE c.idx = n.idx AND c.tick_id = n.was"""

# By the primary key, club by club: there is no index by time alone.
_FORGET = """
DELETE FROM price_candles AS t USING
 (SELECT o.idx, o.t FROM candle_cursors AS c CROSS JOIN LATERAL
   (SELECT p.idx, p.t FROM price_candles AS p
     WHERE p.idx = c.idx AND p.iv = %(iv)s AND p.t < %(before)s
     ORDER BY p.t LIMIT %(most)s) AS o) AS old
 WHERE t.iv = %(iv)s AND t.idx = old.idx AND t.t = old.t"""

_FIELDS = """t, o, h, l, c, f_l, f_h, bid_l, bid_h, ask_l, ask_h, mark_l, mark_h,
       vol, first_seq, last_seq"""

# The first minute of which all seconds are there.
_FINE = """
SELECT CASE WHEN m.first_seq = s.first_seq THEN m.t ELSE m.t + INTERVAL '1 minute' END
  FROM (SELECT t, first_seq FROM price_candles
         WHERE idx = %(idx)s AND iv = '1s' ORDER BY t LIMIT 1) AS s
  JOIN price_candles AS m
    ON m.idx = %(idx)s AND m.iv = '1m' AND m.t = date_trunc('minute', s.t)"""

_CONCERNING = f"""
SELECT iv, {_FIELDS}
  FROM price_candles
 WHERE idx = %(idx)s AND t >= %(after)s AND t <= %(until)s
   AND CASE WHEN t < coalesce(%(fine)s, 'infinity'::timestamptz) THEN iv = '1m' ELSE iv = '1s' END
   AND (%(all)s
        OR bid_l <= %(bid_low)s OR bid_h >= %(bid_high)s
        OR ask_l <= %(ask_low)s OR ask_h >= %(ask_high)s
        OR mark_l <= %(mark_low)s OR mark_h >= %(mark_high)s)
 ORDER BY t DESC LIMIT %(most)s"""

_READ = f"""
SELECT {_FIELDS}
  FROM price_candles
 WHERE idx = %s AND iv = %s AND t >= coalesce(%s, '-infinity'::timestamptz)
   AND t < coalesce(%s, 'infinity'::timestamptz)
 ORDER BY t {{direction}} LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Roll:
    """What some ticks of one club come to: the cursor they were read from, and where they end.

    *closes*: the last prices of the weeks that they lie in.
    """

    was: Rolled
    now: Rolled
    candles: Sequence[Candle]
    closes: Sequence[WeekClose]


class Candles:
    """The candles of all clubs."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def rolled(self, clubs: Iterable[InstrumentIdx]) -> dict[InstrumentIdx, Rolled]:
        """How far each of *clubs* has come."""
        with self._pg.statement() as cursor:
            cursor.execute("SELECT idx, tick_id, seq, inventory FROM candle_cursors")
            found = {idx: Rolled(*place) for idx, *place in cursor.fetchall()}
        return {idx: found.get(idx, UNROLLED) for idx in clubs}

    def add(self, rolls: Mapping[InstrumentIdx, Roll], fence: Fence) -> None:
        """Add *rolls* to the candles, all of them or none.

        Raises:
            Fenced: another has the job, or has moved one of the cursors.
        """
        moves = [_move(idx, roll) for idx, roll in rolls.items()]
        rows = [_row(idx, candle) for idx, roll in rolls.items() for candle in roll.candles]
        closes = [_close(idx, each) for idx, roll in rolls.items() for each in roll.closes]
        clubs = array_literal(map(str, rolls))
        with self._pg.transaction() as cursor:
            fence.show(cursor)
            cursor.execute(_BEGIN, (clubs,))
            cursor.execute(_MOVE, array_columns(moves))
            if cursor.rowcount != len(moves):
                raise Fenced("somebody else has put these ticks into candles")
            cursor.execute(_ADD, array_columns(rows))
            cursor.execute(_CLOSE, array_columns(closes))

    def forget(self, interval: Interval, before_ms: int) -> int:
        """Delete candles of *interval* that began before *before_ms*; how many, 0 if none is left.

        A bounded number; call it again.
        """
        given = {"iv": interval.value, "before": _at(before_ms), "most": FORGOTTEN_AT_ONCE}
        with self._pg.transaction() as cursor:
            cursor.execute(_FORGET, given)
            return int(cursor.rowcount)

    def read(
        self,
        idx: InstrumentIdx,
        interval: Interval,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int,
    ) -> list[Candle]:
        """At most *limit* candles of a club, oldest first.

        Args:
            start_ms: they begin then or later; without it the last ones are meant, else the first.
            end_ms: they begin before.
        """
        if interval is not Interval.FIVE_MINUTES:
            return self._read(idx, interval, start_ms, end_ms, limit)
        # A bound inside a candle is moved to the next one, as if these were stored.
        start_ms, end_ms = (_next_start(at_ms, interval) for at_ms in (start_ms, end_ms))
        # With as many minutes no candle but the one too many can lack any of its own.
        minutes = self._read(idx, Interval.MINUTE, start_ms, end_ms, limit * _MINUTES)
        made = coarser(minutes, interval)
        return made[-limit:] if start_ms is None else made[:limit]

    def concerning(
        self,
        idx: InstrumentIdx,
        start_ms: int,
        until_ms: int,
        levels: Mapping[str, int | None] | None,
        most: int,
    ) -> list[Candle]:
        """Candles of a club, newest first, of a second where there are any, else of a minute.

        Args:
            start_ms, until_ms: they begin between the two, both included.
            levels: of each `TRIGGER_LEVELS` the one that is met first, if any; candles that meet
                none are left out. None for all candles.
            most: how many at the most. If all are wanted and it is too few, all are of a minute.
        """
        given: dict[str, object] = {
            "idx": idx,
            "after": _at(start_ms),
            "until": _at(until_ms),
            "all": levels is None,
            "most": most,
            **(levels or dict.fromkeys(TRIGGER_LEVELS)),
        }
        with self._pg.transaction() as cursor:
            cursor.execute(_FINE, given)
            found = cursor.fetchone()
            cursor.execute(_CONCERNING, given | {"fine": found and found[0]})
            if levels is None and cursor.rowcount == most:
                cursor.execute(_CONCERNING, given | {"fine": None})
            return [_candle(Interval(iv), *row) for iv, *row in cursor.fetchall()]

    def _read(
        self,
        idx: InstrumentIdx,
        interval: Interval,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
    ) -> list[Candle]:
        newest = start_ms is None
        statement = _READ.format(direction="DESC" if newest else "ASC")
        with self._pg.statement() as cursor:
            cursor.execute(statement, (idx, interval.value, _at(start_ms), _at(end_ms), limit))
            found = [_candle(interval, *row) for row in cursor.fetchall()]
        return found[::-1] if newest else found


def _move(idx: InstrumentIdx, roll: Roll) -> tuple[str, ...]:
    now = roll.now
    return str(idx), roll.was.tick_id, now.tick_id, str(now.seq), str(now.inventory)


def _close(idx: InstrumentIdx, close: WeekClose) -> tuple[str, ...]:
    seqs = str(close.first_seq), str(close.last_seq)
    return str(idx), close.week, *seqs, close.tick_id, str(close.mark_px)


def _row(idx: InstrumentIdx, candle: Candle) -> list[str | None]:
    spans = (candle.index, candle.bid, candle.ask, candle.mark)
    numbers = (
        candle.at_ms,
        *(candle.open_px, candle.high_px, candle.low_px, candle.close_px),
        *(px for span in spans for px in span or (None, None)),
        *(candle.volume, candle.first_seq, candle.last_seq),
    )
    spelled = [None if number is None else str(number) for number in numbers]
    return [str(idx), candle.interval.value, *spelled]


def _candle(interval: Interval, at: datetime, *row: Any) -> Candle:
    open_px, high_px, low_px, close_px = row[:4]
    index, bid, ask, mark = (_span(*row[n : n + 2]) for n in (4, 6, 8, 10))
    volume, first_seq, last_seq = row[12:]
    return Candle(
        interval=interval,
        at_ms=_ms(at),
        open_px=open_px,
        high_px=high_px,
        low_px=low_px,
        close_px=close_px,
        index=index,
        bid=bid,
        ask=ask,
        mark=mark,
        volume=volume,
        first_seq=first_seq,
        last_seq=last_seq,
    )


def _span(low: int | None, high: int | None) -> Span | None:
    return None if low is None or high is None else Span(low, high)


def _at(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else _EPOCH + timedelta(milliseconds=at_ms)


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _next_start(at_ms: int | None, interval: Interval) -> int | None:
    return None if at_ms is None else -(-at_ms // interval.ms) * interval.ms
