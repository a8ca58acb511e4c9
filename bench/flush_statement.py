"""The statement of the flusher without the rest of it, and its peers, for bench/flush.py.

    python bench/flush_statement.py REDIS_URL DATABASE_URL plain|quick|service PEOPLE ROWS...

Prints one JSON object. `plain` is psycopg2 as it comes, which COPY needs, with all peers, and
`quick` that with peers for wallets alone; `service` is what our processes have, patched and waiting
on gevent's loop, with single rows as peers. Every write is a transaction of its own over rows that
exist, spread over their tables, of which each gets a higher version; the tables are vacuumed
between two of them. All ways write in turns, for whoever comes first finds tables that are fuller
and colder. Making the rows from what Redis holds is not counted, making parameters of them is.
"""

# ruff: noqa: E402 - patching comes first
from __future__ import annotations

import sys

SERVICE, QUICK = "service" in sys.argv, "quick" in sys.argv

if SERVICE:
    from gevent import monkey

    monkey.patch_all()

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flush_book import Members, mix, size, wallets
from flush_peers import PEERS, SINGLE, numbers
from touchline.store.keys import Keys
from touchline.store.layouts import LAYOUTS, Layout
from touchline.store.postgres import Postgres, install_wait_callback
from touchline.store.redis_client import open_redis
from touchline.store.scripts import Scripts
from touchline.store.states import Peeked, Row, States
from trades_cpu import cpu_s

ROUNDS = 3  #: turns of each way
ROWS_A_TURN = 20_000  #: written in one turn, at least one write
MOST = 8  #: writes in one turn
Kinds = dict[Layout, list[Row]]
Given = Callable[[Kinds], Any]
Write = Callable[[Any, Any], None]


@dataclass(slots=True)
class Spent:
    """What writing so many rows took altogether, in seconds."""

    wall: float = 0.0
    client: float = 0.0
    server: float = 0.0
    rows: int = 0

    def figures(self) -> dict[str, float]:
        return {
            "per_s": self.rows / self.wall,
            "client_us": 1e6 * self.client / self.rows,
            "server_us": 1e6 * self.server / self.rows,
        }


class Writing:
    """One Postgres, and rows whose versions grow with every write."""

    def __init__(self, database_url: str, states: States, members: Members) -> None:
        self._pg = Postgres(database_url, size=1, statement_timeout_s=120.0)
        self._states = states
        self._kinds = kinds = _read(states, members)
        self._version = max(row.version for rows in kinds.values() for row in rows)
        self._rows = sum(map(len, kinds.values()))

    def measure(self, peers: Sequence[str]) -> dict[str, dict[str, float]]:
        """What `States.write` and *peers* take a row, in turns: µs of CPU, and rows a second."""
        ways: dict[str, tuple[Given, Write, int]] = {"ours": (self._as_peeked, self._ours, MOST)}
        for name in peers:
            ways[name] = (_as_numbers, partial(_peer, name), 1 if name in SINGLE else MOST)
        spent = {name: Spent() for name in ways}
        for _ in range(ROUNDS):
            for name, (given, write, most) in ways.items():
                for _ in range(max(1, min(most, ROWS_A_TURN // self._rows))):
                    self._add(spent[name], given(self._next()), write)
        return {name: each.figures() for name, each in spent.items()}

    def _ours(self, cursor: Any, peeked: Peeked) -> None:
        refused = self._states.write(cursor, peeked)
        if refused:
            raise RuntimeError(f"Postgres refuses states: {refused}")

    def _add(self, spent: Spent, rows: Any, write: Write) -> None:
        self._tidy()
        with self._pg.transaction() as cursor:
            backend = cursor.connection.info.backend_pid
            before = time.perf_counter(), time.process_time(), cpu_s(backend)
            write(cursor, rows)
            cursor.connection.commit()
        spent.wall += time.perf_counter() - before[0]
        spent.client += time.process_time() - before[1]
        spent.server += cpu_s(backend) - before[2]
        spent.rows += self._rows

    def _as_peeked(self, kinds: Kinds) -> Peeked:
        rows = {each.state: kinds.get(each, []) for each in LAYOUTS}
        return replace(self._states.peek(0), rows=rows)

    def _next(self) -> Kinds:
        self._version += 1
        version = str(self._version)
        return {
            layout: [replace(row, values=(*row.values[:-1], version)) for row in rows]
            for layout, rows in self._kinds.items()
        }

    def _tidy(self) -> None:
        with self._pg.statement() as cursor:
            for layout in self._kinds:
                cursor.execute(f"VACUUM {layout.table}")


def _peers(name: str) -> Sequence[str]:
    if name == "mix" and (SERVICE or QUICK):
        return ()
    return SINGLE if SERVICE else tuple(PEERS)


def _peer(name: str, cursor: Any, kinds: Mapping[Layout, Sequence[tuple[Any, ...]]]) -> None:
    for layout, rows in kinds.items():
        PEERS[name](cursor, layout, rows)


def _as_numbers(kinds: Kinds) -> dict[Layout, list[tuple[Any, ...]]]:
    return {layout: [numbers(layout, row) for row in rows] for layout, rows in kinds.items()}


def main() -> None:
    redis_url, database_url, _, *given = sys.argv[1:]
    people, *sizes = map(int, given)
    client, keys = open_redis(redis_url), Keys()
    states = States(client, keys, Scripts(client, keys))
    if SERVICE:
        install_wait_callback()
    found: dict[str, dict[str, dict[str, float]]] = {}
    for rows in sizes:
        for name, members in (("wallets", wallets(rows, people)), ("mix", mix(rows, people))):
            writing = Writing(database_url, states, members)
            writing.measure(())  # the first writes make room in the pages for those that count
            found[f"{name} {rows}"] = writing.measure(_peers(name))
    print(json.dumps(found))


def _read(states: States, members: Members) -> Kinds:
    rows = states.read({each.state: members.get(each.state, []) for each in LAYOUTS})
    found = {each: rows[each.state] for each in LAYOUTS if rows[each.state]}
    if sum(map(len, found.values())) != size(members):
        raise RuntimeError("Redis lacks some of the states")
    return found


if __name__ == "__main__":
    main()
