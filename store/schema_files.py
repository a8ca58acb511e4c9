"""The files that make the schema, in order, and what is still to be applied of them.

schema.sql is number 1, what an empty database gets; every later change is a numbered file of its
own in migrations/. Source: docs/decisions/0019-schema-in-numbered-files.md.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

FIRST = "schema.sql"
_NAME = re.compile(r"(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql")
_KIND = re.compile(r"-- (additive|breaking)\b")
#: Each file is one transaction, and says so to nobody but Postgres.
_ENDS_TRANSACTION = re.compile(
    r"^\s*(?:BEGIN|COMMIT|ROLLBACK|START\s+TRANSACTION)(?:\s+(?:WORK|TRANSACTION))?\s*;",
    re.IGNORECASE | re.MULTILINE,
)


class SchemaMismatch(Exception):
    """The database and the files do not belong together, or a file cannot be applied."""


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One step of the schema."""

    number: int
    name: str
    sql: str
    #: Whether programs that do not know the file go on working beside it.
    additive: bool

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, by which a file that was changed later is known."""
        return sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """One step of the schema as the database remembers it."""

    number: int
    name: str
    checksum: str
    additive: bool


def packaged_files() -> tuple[SchemaFile, ...]:
    """The files this Touchline came with."""
    package = files("touchline")
    return read_files(package / FIRST, package / "migrations")


def read_files(first: Traversable, later: Traversable) -> tuple[SchemaFile, ...]:
    """*first* and the numbered files in the folder *later*, in order.

    Raises:
        SchemaMismatch: a name, a first line or the sequence of numbers is wrong.
    """
    found = [SchemaFile(1, first.name, first.read_text(encoding="utf-8"), additive=True)]
    found += sorted(_numbered(later), key=lambda each: each.name)
    for expected, each in enumerate(found, 1):
        if each.number != expected:
            raise SchemaMismatch(f"migrations: {expected:04} is missing before {each.name}")
    return tuple(found)


def still_to_apply(
    known: Sequence[SchemaFile], applied: Sequence[Applied]
) -> tuple[SchemaFile, ...]:
    """The files of *known* that a database lacks which has had those *applied*, in order.

    Raises:
        SchemaMismatch: what was applied is not what is known, or goes further than this program
            can work beside.
    """
    for expected, each in enumerate(applied, 1):
        if each.number != expected:
            raise SchemaMismatch(
                f"the database has {each.name} without number {expected:04} before it"
            )
    for ours, theirs in zip(known, applied, strict=False):
        if ours.name != theirs.name:
            raise SchemaMismatch(
                f"number {ours.number:04} is {theirs.name} in the database and {ours.name} here"
            )
        if ours.checksum != theirs.checksum:
            raise SchemaMismatch(f"{ours.name} has changed since it was applied to the database")
    if breaking := [each for each in unknown(known, applied) if not each.additive]:
        raise SchemaMismatch(
            f"the database has {breaking[0].name}, which this Touchline does not know"
            " and cannot work beside: start a newer one"
        )
    return tuple(known[len(applied) :])


def unknown(known: Sequence[SchemaFile], applied: Sequence[Applied]) -> Sequence[Applied]:
    """What a newer Touchline has applied."""
    return applied[len(known) :]


def _numbered(folder: Traversable) -> Iterator[SchemaFile]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.name.endswith(".sql"):
            continue
        name, sql = _NAME.fullmatch(path.name), path.read_text(encoding="utf-8")
        if name is None:
            raise SchemaMismatch(
                f"migrations: {path.name} is not called like 0002-what-it-does.sql"
            )
        kind = _KIND.match(sql)
        if kind is None:
            raise SchemaMismatch(f"{path.name}: the first line says neither additive nor breaking")
        if _ENDS_TRANSACTION.search(sql):
            raise SchemaMismatch(f"{path.name}: a file is one transaction and may not end it")
        yield SchemaFile(int(name[1]), path.name, sql, additive=kind[1] == "additive")
