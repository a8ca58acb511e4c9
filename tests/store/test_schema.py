"""A database is brought up to the schema files, each of them once, and no further."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import gevent
import psycopg2
import pytest
from touchline.store import schema
from touchline.store.postgres import Postgres
from touchline.store.schema import apply_schema, schema_state
from touchline.store.schema_files import SchemaFile, SchemaMismatch, packaged_files

from tests.fakes.failing import Meanwhile

pytestmark = pytest.mark.external


@pytest.fixture
def empty(empty_database: str) -> Iterator[Postgres]:
    """A database without any table."""
    pool = Postgres(empty_database)
    yield pool
    pool.close()


@pytest.fixture
def steps() -> list[SchemaFile]:
    """The packaged files, then two that add and one that breaks."""
    packaged = list(packaged_files())
    number = len(packaged) + 1
    return [
        *packaged,
        SchemaFile(number, "add-a-table.sql", "CREATE TABLE added (id INT)", True),
        SchemaFile(number + 1, "add-a-column.sql", "ALTER TABLE added ADD word TEXT", True),
        SchemaFile(number + 2, "drop-it.sql", "DROP TABLE added", False),
    ]


class Interrupted:
    """*pg*, but before the *nth* statement of its transaction *happened* has just happened."""

    def __init__(self, pg, nth, happened):
        self._pg, self._nth, self._happened = pg, nth, happened

    @contextmanager
    def transaction(self):
        with self._pg.transaction() as cursor:
            yield Meanwhile(cursor, "execute", self._happened, nth=self._nth)


def numbers(pg):
    """Of the files that have been applied."""
    with pg.transaction() as cursor:
        cursor.execute("SELECT number FROM schema_files ORDER BY number")
        return [number for (number,) in cursor.fetchall()]


def has_table(pg, name):
    with pg.transaction() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (name,))
        return cursor.fetchone()[0]


def test_an_empty_database_gets_every_file_once(empty):
    assert apply_schema(empty) == packaged_files()
    assert apply_schema(empty) == ()

    assert numbers(empty) == [each.number for each in packaged_files()]
    with empty.transaction() as cursor:
        cursor.execute("SELECT id FROM users")
        assert cursor.fetchall() == [(0,)]


def test_a_look_says_what_would_be_applied_and_changes_nothing(empty, steps):
    assert schema_state(empty, steps).to_apply == tuple(steps)
    assert not has_table(empty, "schema_files")

    apply_schema(empty, steps[:-2])

    assert schema_state(empty, steps).to_apply == tuple(steps[-2:])
    assert schema_state(empty, steps[:-2]).to_apply == ()


@pytest.mark.parametrize("statement", range(3))
def test_a_look_while_another_process_applies_files_takes_no_database_for_somebody_elses(
    empty, statement
):
    interrupted = Interrupted(empty, statement, lambda: apply_schema(empty))

    assert schema_state(interrupted).beyond == ()


def test_of_several_at_once_each_file_is_applied_by_one(empty, steps):
    starts = [gevent.spawn(apply_schema, empty, steps) for _ in range(4)]

    done = [step.number for start in starts for step in start.get(timeout=30)]
    assert sorted(done) == [step.number for step in steps] == numbers(empty)


def test_a_file_that_fails_leaves_the_one_before_it_in_force(empty, steps):
    broken = replace(steps[-2], sql="CREATE TABLE half (id INT); SELECT 1 / 0")

    with pytest.raises(SchemaMismatch, match=r"^add-a-column.sql cannot be applied: division by"):
        apply_schema(empty, [*steps[:-2], broken])

    assert numbers(empty) == [step.number for step in steps[:-2]]
    assert has_table(empty, "added")
    assert not has_table(empty, "half")
    assert apply_schema(empty, steps[:-1]) == (steps[-2],)


def test_a_statement_that_cannot_run_in_a_transaction_is_refused(empty, steps):
    outside = replace(steps[-2], sql="CREATE INDEX CONCURRENTLY added_id ON added (id)")

    with pytest.raises(SchemaMismatch, match=r"cannot be applied: .* inside a transaction block"):
        apply_schema(empty, [*steps[:-2], outside])


def test_a_file_that_changed_after_it_was_applied_is_refused(empty, steps):
    apply_schema(empty, steps[:-1])
    changed = replace(steps[-2], sql=steps[-2].sql + " NOT NULL")

    with pytest.raises(SchemaMismatch, match=r"add-a-column.sql has changed"):
        apply_schema(empty, [*steps[:-2], changed])


def test_a_change_does_not_make_others_wait_behind_it_for_long(empty, steps, monkeypatch):
    monkeypatch.setattr(schema, "LOCK_MS", 50)
    apply_schema(empty, steps[:-1])

    with empty.transaction() as busy:
        busy.execute("SELECT * FROM added")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            apply_schema(empty, steps, breaking=True)

    assert apply_schema(empty, steps, breaking=True) == (steps[-1],)


def test_an_older_program_goes_on_beside_what_was_added(empty, steps):
    apply_schema(empty, steps[:-1])

    assert apply_schema(empty) == ()
    beyond = [each.name for each in schema_state(empty).beyond]
    assert beyond == ["add-a-table.sql", "add-a-column.sql"]


def test_what_breaks_older_programs_waits_for_an_operator(empty, steps):
    apply_schema(empty, steps[:-1])

    with pytest.raises(SchemaMismatch, match=r"^drop-it.sql is breaking: stop every older program"):
        apply_schema(empty, steps)
    assert has_table(empty, "added")

    assert apply_schema(empty, steps, breaking=True) == (steps[-1],)
    with pytest.raises(SchemaMismatch, match=r"drop-it.sql, which this Touchline does not know"):
        apply_schema(empty)


def test_an_empty_database_has_no_older_programs(empty, steps):
    assert apply_schema(empty, steps) == tuple(steps)


def test_a_database_of_somebody_else_is_refused_and_left_as_it_is(empty):
    with empty.transaction() as cursor:
        cursor.execute("CREATE TABLE theirs (id INT)")

    with pytest.raises(SchemaMismatch, match="not Touchline's"):
        apply_schema(empty)

    with empty.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (1,)
