"""Refused rows: told apart from their neighbours, and from rows that somebody else just wrote."""

import gevent
import pytest
from touchline.store.ledger import Ledger
from touchline.store.refusals import write_or_bisect

from tests.fakes.facts import add_instruments, add_users, trade_entry

pytestmark = pytest.mark.external


def test_a_row_refused_once_and_taken_the_second_time_is_not_refused(pg):
    answers = iter(["SELECT 1/0", "SELECT 1"])
    refused = []

    with pg.transaction() as cursor:
        write_or_bisect(
            cursor,
            ["row"],
            lambda cursor, _: cursor.execute(next(answers)),
            lambda _, row, error: refused.append(row),
        )

    assert refused == []


def test_only_the_row_at_fault_is_refused(pg):
    written, refused = [], []

    def write(cursor, rows):
        cursor.execute("SELECT 1/0" if 5 in rows else "SELECT 1")
        written.extend(rows)

    with pg.transaction() as cursor:
        write_or_bisect(cursor, range(9), write, lambda _, row, error: refused.append(row))

    assert refused == [5]
    assert sorted(written) == [0, 1, 2, 3, 4, 6, 7, 8]


def test_writers_of_the_same_facts_at_the_same_moment_park_none(pg):
    add_users(pg, 1)
    add_instruments(pg, 7)
    batches = [[trade_entry(number) for number in range(n, n + 5)] for n in range(1, 200, 5)]

    def write_all() -> int:
        ledger = Ledger(pg)
        return sum(ledger.insert_facts(batch, 0) for batch in batches)

    writers = [gevent.spawn(write_all) for _ in range(4)]

    assert [writer.get(timeout=60) for writer in writers] == [0, 0, 0, 0]
