"""What bench/stops.py is measured beside: two ways to find the positions that a tick concerns.

A loop over all positions in memory, which is what comes to mind first, and Postgres with an index
for each price that is compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg2
from touchline.domain.positions import Levels, Position, crosses, levels
from touchline.domain.ticks import Glance

TABLE = """
CREATE TEMP TABLE book (id INT, idx INT, bid_low BIGINT, bid_high BIGINT, ask_low BIGINT,
 ask_high BIGINT, mark_low BIGINT, mark_high BIGINT);
INSERT INTO book SELECT n, 1, 900000, 1100000, NULL, NULL, 760000, NULL
 FROM generate_series(1, %s) n;
INSERT INTO book SELECT n, 1, NULL, NULL, 900000, 1100000, NULL, 1240000
 FROM generate_series(1, %s) n;
CREATE INDEX ON book (idx, bid_low); CREATE INDEX ON book (idx, bid_high);
CREATE INDEX ON book (idx, ask_low); CREATE INDEX ON book (idx, ask_high);
CREATE INDEX ON book (idx, mark_low); CREATE INDEX ON book (idx, mark_high);
ANALYZE book;
"""
QUERY = " UNION ALL ".join(
    f"SELECT id FROM book WHERE idx = 1 AND {level} {sign} %({price})s"
    for level, sign, price in (
        ("bid_low", ">=", "b"),
        ("bid_high", "<=", "b"),
        ("ask_low", ">=", "a"),
        ("ask_high", "<=", "a"),
        ("mark_low", ">=", "m"),
        ("mark_high", "<=", "m"),
    )
)


def in_memory_us(position: Position, count: int, ticks: Sequence[Glance]) -> float:
    """CPU microseconds a tick costs a loop over *count* positions."""
    book: list[tuple[Position, Levels]] = [(position, levels(position))] * count
    began = time.process_time()
    for tick in ticks:
        met = [one for one, at in book if crosses(one, at, tick)]
        assert not met
    return (time.process_time() - began) / len(ticks) * 1e6


def in_postgres_us(
    database_url: str, count: int, ticks: Sequence[Glance], cpu_s: Callable[[int], float]
) -> float:
    """CPU microseconds a tick costs client and server, with *count* rows."""
    connection: Any = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection, connection.cursor() as cursor:
        cursor.execute(TABLE, (count // 2, count - count // 2))
        backend = connection.info.backend_pid
        began = time.process_time() + cpu_s(backend)
        for tick in ticks:
            cursor.execute(QUERY, {"b": tick.bid_px, "a": tick.ask_px, "m": tick.mark_px})
            assert not cursor.fetchall()
        spent = time.process_time() + cpu_s(backend) - began
    connection.close()
    return spent / len(ticks) * 1e6
