"""What the servers hold after the hour: facts by id, positions with their events, all ticks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg2
from touchline.domain.ids import InstrumentIdx
from touchline.domain.position_events import PositionEvent
from touchline.domain.ticks import Tick
from touchline.store.facts import EVENT
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.position_hashes import event_of
from touchline.store.redis_client import open_redis
from touchline.store.wire import tick_of

from .lives import Wrong, wrongs
from .trader import Told

PAGE = 5_000


class Books:
    """Both servers, read only."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._redis = open_redis(settings["REDIS_URL"], role="hour")
        self._keys = Keys()
        self._url = settings["DATABASE_URL"]

    def missing(self, told: Told) -> list[str]:
        """Facts that were acknowledged and are not in Postgres, or are there twice."""
        trades = dict(self._rows("SELECT idem_key, id::text FROM trades"))
        events = {event for (event,) in self._rows("SELECT id::text FROM cfd_events")}
        lost = [key for key, trade in told.trades.items() if trades.get(key) != trade]
        lost += sorted(told.events - events)
        twice = (
            "SELECT idem_key FROM trades GROUP BY 1 HAVING count(*) > 1 UNION ALL"
            " SELECT idem_key FROM cfd_events WHERE idem_key <> '' GROUP BY 1 HAVING count(*) > 1"
        )
        return [*lost, *(key for (key,) in self._rows(twice))][:50]

    def wrongs(self) -> Iterator[Wrong]:
        """Every position whose life does not fit the ticks."""
        lives = self._lives()
        depths = {club.idx: club.depth for club in Hot(self._redis, self._keys).instruments()}
        for idx in sorted({events[0].position.idx for events in lives.values()}):
            ticks = self._ticks(idx)
            for events in lives.values():
                if events[0].position.idx == idx:
                    yield from wrongs(events, ticks, depths[idx])

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
        return {
            "trades": trades,
            "positions": opened,
            "open_at_the_end": still_open,
            "closes": dict(closes),
            "approximate": approximate,
            "ticks": ticks,
            "orders": dict(self._rows("SELECT status, count(*) FROM orders GROUP BY 1")),
        }

    def _lives(self) -> dict[str, list[PositionEvent]]:
        lives: dict[str, list[PositionEvent]] = defaultdict(list)
        for row in self._rows(f"{EVENT.select()} ORDER BY position_id, number"):
            event = event_of({**EVENT.fields(row)})
            lives[event.position.id].append(event)
        return lives

    def _ticks(self, idx: InstrumentIdx) -> list[Tick]:
        found, after = [], "-"
        while page := self._redis.xrange(self._keys.ticks(idx), after, count=PAGE):
            found += [tick_of(tick_id, fields) for tick_id, fields in page]
            after = f"({page[-1][0]}"
        return found

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self._url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())
        finally:
            connection.close()
