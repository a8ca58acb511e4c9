"""Which schema files there are, and which of them a database still lacks."""

from pathlib import Path

import pytest
from touchline.store.schema_files import (
    Applied,
    SchemaFile,
    SchemaMismatch,
    packaged_files,
    read_files,
    still_to_apply,
)

ADDITIVE = "-- additive\nSELECT 1;"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "schema.sql").write_text("SELECT 1;")
    (tmp_path / "migrations").mkdir()
    return tmp_path


def read(folder: Path) -> tuple[SchemaFile, ...]:
    return read_files(folder / "schema.sql", folder / "migrations")


def add(folder: Path, name: str, sql: str = ADDITIVE) -> None:
    (folder / "migrations" / name).write_text(sql)


def the_file(number: int, sql: str = "", additive: bool = True) -> SchemaFile:
    return SchemaFile(number, f"{number:04}-step.sql", sql, additive)


def applied(*steps: SchemaFile) -> list[Applied]:
    return [Applied(step.number, step.name, step.checksum, step.additive) for step in steps]


def test_files_are_read_in_the_order_of_their_numbers(folder: Path) -> None:
    add(folder, "0003-second.sql", "-- breaking: everything\n")
    add(folder, "0002-first.sql")
    add(folder, "README.md", "no step")

    assert [(each.number, each.name, each.additive) for each in read(folder)] == [
        (1, "schema.sql", True),
        (2, "0002-first.sql", True),
        (3, "0003-second.sql", False),
    ]


def test_without_a_folder_there_is_the_first_file_alone(folder: Path) -> None:
    (folder / "migrations").rmdir()

    assert [each.name for each in read(folder)] == ["schema.sql"]


def test_a_file_with_other_line_ends_is_the_same_file(folder: Path) -> None:
    (before,) = read(folder)
    (folder / "schema.sql").write_bytes(b"SELECT 1;")
    add(folder, "0002-first.sql", "-- additive\r\nSELECT 1;\r\n")
    ours = read(folder)
    add(folder, "0002-first.sql", "-- additive\nSELECT 1;\n")

    assert [each.checksum for each in read(folder)] == [each.checksum for each in ours]
    assert ours[0].checksum == before.checksum


@pytest.mark.parametrize(
    ("name", "sql", "line"),
    [
        ("2-first.sql", ADDITIVE, "2-first.sql is not called like 0002-what-it-does.sql"),
        ("0002_first.sql", ADDITIVE, "0002_first.sql is not called like"),
        ("0003-first.sql", ADDITIVE, "0002 is missing before 0003-first.sql"),
        ("0001-first.sql", ADDITIVE, "0002 is missing before 0001-first.sql"),
        ("0002-first.sql", "SELECT 1;", "0002-first.sql: the first line says neither"),
        ("0002-first.sql", "-- additively\n", "0002-first.sql: the first line says neither"),
        ("0002-first.sql", ADDITIVE + "\n commit ;\nSELECT 2;", "may not end it"),
        ("0002-first.sql", ADDITIVE + "\nBEGIN;", "may not end it"),
        ("0002-first.sql", ADDITIVE + "\nSTART TRANSACTION;", "may not end it"),
    ],
)
def test_a_wrong_file_is_named(folder: Path, name: str, sql: str, line: str) -> None:
    add(folder, name, sql)

    with pytest.raises(SchemaMismatch, match=line):
        read(folder)


def test_a_number_given_twice_is_named(folder: Path) -> None:
    add(folder, "0002-first.sql")
    add(folder, "0002-other.sql")

    with pytest.raises(SchemaMismatch, match=r"0003 is missing before 0002-other.sql"):
        read(folder)


def test_the_body_of_a_function_ends_no_transaction(folder: Path) -> None:
    add(folder, "0002-first.sql", "-- additive\nDO $$\nBEGIN\n  PERFORM 1;\nEND\n$$;\n")

    assert len(read(folder)) == 2


def test_an_empty_database_lacks_everything() -> None:
    known = [the_file(1), the_file(2)]

    assert still_to_apply(known, []) == tuple(known)


def test_what_has_been_applied_is_not_applied_again() -> None:
    known = [the_file(1), the_file(2), the_file(3)]

    assert still_to_apply(known, applied(*known[:2])) == (known[2],)
    assert still_to_apply(known, applied(*known)) == ()


def test_a_file_that_changed_after_it_was_applied_is_named() -> None:
    before = applied(the_file(1), the_file(2, "SELECT 1"))

    with pytest.raises(SchemaMismatch, match=r"^0002-step.sql has changed since it was applied"):
        still_to_apply([the_file(1), the_file(2, "SELECT 2")], before)


def test_another_file_of_the_same_number_is_named() -> None:
    theirs = Applied(2, "0002-theirs.sql", "", additive=True)

    with pytest.raises(SchemaMismatch, match=r"0002 is 0002-theirs.sql in .* and 0002-step.sql"):
        still_to_apply([the_file(1), the_file(2)], [*applied(the_file(1)), theirs])


def test_a_number_missing_from_what_was_applied_is_named() -> None:
    with pytest.raises(SchemaMismatch, match=r"has 0003-step.sql without number 0002 before it"):
        still_to_apply([the_file(1)], applied(the_file(1), the_file(3)))


def test_an_older_program_works_beside_what_was_added() -> None:
    assert still_to_apply([the_file(1)], applied(the_file(1), the_file(2))) == ()


def test_an_older_program_does_not_work_beside_what_breaks_it() -> None:
    breaking = the_file(2, additive=False)

    with pytest.raises(SchemaMismatch, match=r"has 0002-step.sql, which .* cannot work beside"):
        still_to_apply([the_file(1)], applied(the_file(1), breaking, the_file(3)))


def test_a_program_that_knows_what_breaks_others_works_with_it() -> None:
    known = [the_file(1), the_file(2, additive=False)]

    assert still_to_apply(known, applied(*known)) == ()


def test_the_packaged_files_are_in_order() -> None:
    assert packaged_files()[0].name == "schema.sql"
