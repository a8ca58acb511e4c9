"""What the servers hold after the hour: facts by id, positions with their events, all ticks."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

import gevent
import psycopg2
from touchline.domain.ids import InstrumentIdx
from touchline.domain.position_events import PositionEvent
from touchline.domain.ticks import Tick
from touchline.store.facts import EVENT
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.outage import OUTAGES
from touchline.store.position_hashes import event_of
from touchline.store.redis_client import open_redis
from touchline.store.wire import tick_of

from .lives import Judge, Wrong
from .market import Market
from .trader import Told

PAGE = 5_000
FOLLOW_S = 5.0  #: real seconds between two readings of new ticks


class Books:
    """Both servers, read only."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._redis = open_redis(settings["REDIS_URL"], role="hour")
        self._keys = Keys()
        self._url = settings["DATABASE_URL"]
        self._ticks: dict[InstrumentIdx, list[Tick]] = defaultdict(list)
        self.passed: Counter[str] = Counter()  #: breaches that were let pass, once judged

    def follow(self) -> None:
        """Read new ticks, for ever: Redis forgets them after 26 hours, and a round takes 33."""
        while True:
            with suppress(*OUTAGES):
                self._read_ticks()
            gevent.sleep(FOLLOW_S)

    def newest(self) -> dict[InstrumentIdx, int]:
        """The number of the last tick of every club."""
        return {club.idx: club.seq for club in Hot(self._redis, self._keys).instruments()}

    def watched(self) -> dict[InstrumentIdx, int]:
        """The number of the tick up to which the stop-watcher says to have dealt with a club."""
        found = {idx: self._redis.hget(self._keys.watch(idx), "s") for idx in self.newest()}
        return {idx: int(seq or 0) for idx, seq in found.items()}

    def is_watched(self, upto: Mapping[InstrumentIdx, int]) -> bool:
        """Whether that is *upto* at least, everywhere."""
        watched = self.watched()
        return all(watched[idx] >= seq for idx, seq in upto.items())

    def keep_ticks(self, path: Path) -> None:
        """Write down all ticks that were read, for whoever looks for a cause later."""
        kept = {idx: [astuple(tick) for tick in ticks] for idx, ticks in self._ticks.items()}
        path.write_text(json.dumps(kept))

    def missing(self, told: Told) -> list[str]:
        """Facts that were acknowledged and are not in Postgres, or are there twice."""
        trades = dict(self._rows("SELECT idem_key, id::text FROM trades"))
        events = {event for (event,) in self._rows("SELECT id::text FROM cfd_events")}
        lost = [key for key, trade in told.trades.items() if trades.get(key) != trade]
        orders = {order for (order,) in self._rows("SELECT id::text FROM orders")}
        lost += sorted(told.events - events) + sorted(told.pending - orders)
        twice = (
            "SELECT idem_key FROM trades GROUP BY 1 HAVING count(*) > 1 UNION ALL"
            " SELECT idem_key FROM cfd_events WHERE idem_key <> '' GROUP BY 1 HAVING count(*) > 1"
        )
        return [*lost, *(key for (key,) in self._rows(twice))][:50]

    def wrongs(self) -> Iterator[Wrong]:
        """Every position whose life does not fit the ticks, as far as the watch has got."""
        watched = self.watched()
        self._read_ticks()
        by_club: dict[InstrumentIdx, list[list[PositionEvent]]] = defaultdict(list)
        for life in self._lives().values():
            by_club[life[0].position.idx].append(life)
        for club in Hot(self._redis, self._keys).instruments():
            market = Market(club, self._ticks[club.idx])
            judge = Judge(market, market.place(watched[club.idx]))
            for life in by_club[club.idx]:
                yield from judge.wrongs(life)
            self.passed += judge.passed

    def counts(self) -> dict[str, object]:
        """How much there was of what."""
        closes = Counter(
            f"{reason} by {by}"
            for reason, by in self._rows(
                "SELECT reason, made_by FROM cfd_events WHERE kind = 'close'"
            )
        )
        [(trades, opened, still_open)] = self._rows(
            "SELECT (SELECT count(*) FROM trades), (SELECT count(*) FROM cfd_positions),"
            " (SELECT count(*) FROM cfd_positions WHERE closed_at IS NULL)"
        )
        [(approximate,)] = self._rows("SELECT count(*) FROM cfd_events WHERE approximate")
        ticks = sum(club.seq for club in Hot(self._redis, self._keys).instruments())
        events = "SELECT kind || ' by ' || made_by, count(*) FROM cfd_events GROUP BY 1"
        return {
            "trades": trades,
            "positions": opened,
            "open_at_the_end": still_open,
            "closes": dict(closes),
            "events": dict(self._rows(events)),
            "passed": dict(self.passed),
            "approximate": approximate,
            "matches": dict(
                self._rows(
                    "SELECT CASE WHEN settled_at IS NULL THEN phase ELSE 'settled' END, count(*)"
                    " FROM fixtures GROUP BY 1"
                )
            ),
            "ticks": ticks,
            "orders": dict(self._rows("SELECT status, count(*) FROM orders GROUP BY 1")),
        }

    def lateness_ms(self, windows: Sequence[tuple[int, int]]) -> list[int]:
        """Calendar time that ran between each tick that closed something and its close, sorted.

        Args:
            windows: when the calendar runs; it jumps from one to the next.
        """
        closes = [
            (int(event.trigger.tick_id.split("-")[0]), event.at_ms)
            for life in self._lives().values()
            for event in life
            if event.trigger is not None
        ]
        return sorted(
            sum(max(0, min(end, made) - max(start, met)) for start, end in windows)
            for met, made in closes
        )

    def _lives(self) -> dict[str, list[PositionEvent]]:
        lives: dict[str, list[PositionEvent]] = defaultdict(list)
        for row in self._rows(f"{EVENT.select()} ORDER BY position_id, number"):
            event = event_of({**EVENT.fields(row)})
            lives[event.position.id].append(event)
        return lives

    def _read_ticks(self) -> None:
        for club in Hot(self._redis, self._keys).instruments():
            found = self._ticks[club.idx]
            while page := self._redis.xrange(
                self._keys.ticks(club.idx), f"({found[-1].id}" if found else "-", count=PAGE
            ):
                found += [tick_of(tick_id, fields) for tick_id, fields in page]

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self._url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())
        finally:
            connection.close()
