"""`touchline schema`: what it says, and the code it ends with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from touchline.config import Servers
from touchline.services import schema
from touchline.store.embedded import Addresses
from touchline.store.postgres import Postgres
from touchline.store.schema_files import SchemaMismatch

from tests.processes import refusal

NOWHERE = Path("/nowhere")


@pytest.fixture
def given(servers: Addresses, empty_database: str) -> Servers:
    """Servers whose database is empty."""
    return Servers(servers.redis_url, empty_database, "")


def execute(given: Servers, statement: str) -> None:
    pg = Postgres(given.database_url, size=1)
    with pg.transaction() as cursor:
        cursor.execute(statement)
    pg.close()


def test_a_check_tells_what_is_to_be_applied_and_applies_nothing(
    given: Servers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [schema.check(given, NOWHERE) for _ in range(2)] == [1, 1]

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "schema.sql: to be applied, additive"
    assert lines[-1].startswith("schema: behind, files to be applied: ")


def test_a_database_that_was_brought_up_is_in_step(
    given: Servers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schema.apply(given, NOWHERE) == 0
    assert schema.check(given, NOWHERE) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "schema.sql: applied"
    assert lines[-2:] == ["schema: in step", "schema: in step"]


def test_what_a_newer_program_has_added_is_told(
    given: Servers, capsys: pytest.CaptureFixture[str]
) -> None:
    schema.apply(given, NOWHERE)
    execute(
        given,
        "INSERT INTO schema_files (number, name, checksum, additive)"
        " SELECT max(number) + 1, 'later.sql', '', true FROM schema_files",
    )

    assert schema.check(given, NOWHERE) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "schema: in step; a newer Touchline has added later.sql"


def test_a_database_that_cannot_be_brought_up_is_left_as_it_is(given: Servers) -> None:
    execute(given, "CREATE TABLE theirs (id INT)")

    for command in (schema.check, schema.apply):
        with pytest.raises(SchemaMismatch, match="it is not Touchline's"):
            command(given, NOWHERE)


def test_a_server_that_is_away_is_said_in_one_line(given: Servers) -> None:
    away = replace(given, database_url="postgresql:///touchline?host=/nowhere")

    with pytest.raises(schema.SchemaUnreadable, match="cannot look at the schema: Operational"):
        schema.check(away, NOWHERE)


def test_the_commands_end_with_one_line_where_they_cannot_look() -> None:
    away = {
        "REDIS_URL": "unix:///nowhere.sock",
        "DATABASE_URL": "postgresql:///touchline?host=/nowhere",
    }

    for command in ("check", "apply"):
        line = refusal("schema", command, **away)
        assert line.startswith("touchline: cannot look at the schema: OperationalError: ")
