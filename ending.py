"""How a command ends: with an exit code, and by one clear line where it cannot be carried out."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from . import config
from .matchserver import command as match_server
from .matchserver.matches import SeasonError
from .services import admin, books, record, schema, statement
from .services.data_dir import UpRefused
from .services.scrub import scrub_text
from .store.embedded import EmbeddedError
from .store.recording import RecordingUnreadable
from .store.schema_files import SchemaMismatch

#: What ends a command with one line instead of a traceback.
CLEAR = (
    config.SettingError,
    UpRefused,
    EmbeddedError,
    SeasonError,
    match_server.PortRefused,
    SchemaMismatch,
    RecordingUnreadable,
    record.RecordRefused,
    admin.GrantRefused,
    books.BooksUnreadable,
    schema.SchemaUnreadable,
    statement.NoStatement,
)


def end_with(run: Callable[[], int]) -> None:
    """Exit with what *run* returns; a clear refusal becomes one line and exit code 2."""
    try:
        code = run()
    except CLEAR as why:
        click.echo(f"touchline: {scrub_text(str(why))}", err=True)
        code = 2
    sys.exit(code)
