"""What `touchline up` keeps in its data directory besides the servers: the season and a key."""

from __future__ import annotations

import os
from pathlib import Path

from ..http.keys import new_keypair
from ..matchserver.matches import Season


class UpRefused(Exception):
    """`touchline up` cannot run as asked; the text is the one line to show."""


def claim(data_dir: Path, season: Season) -> None:
    """Make *data_dir* the one of *season*, or see that it is.

    Raises:
        UpRefused: it holds another season or somebody else's files, or cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        note = data_dir / "season"
        if note.exists():
            _refuse_another(data_dir, note.read_text(encoding="utf-8"), season)
        elif any(path.name != "season.new" for path in data_dir.iterdir()):
            raise UpRefused(f"{data_dir} is not empty and not Touchline's; choose another one")
        else:
            _write(note, f"{season.digest}\n{season.name}\n")
    except OSError as why:
        raise _unusable(data_dir, why) from None


def private_key(data_dir: Path) -> str:
    """The signing key of this data directory, made at the first start.

    Raises:
        UpRefused: there is none, and none can be written.
    """
    path = data_dir / "jwt_private_key.pem"
    try:
        if not path.exists():
            _write(path, new_keypair()[0])
        return path.read_text(encoding="utf-8")
    except OSError as why:  # a full disk, say
        raise _unusable(data_dir, why) from None


def _unusable(data_dir: Path, why: OSError) -> UpRefused:
    return UpRefused(f"the data directory {data_dir} cannot be used: {why.strerror}")


def _refuse_another(data_dir: Path, note: str, season: Season) -> None:
    digest, _, name = note.partition("\n")
    if digest != season.digest:
        raise UpRefused(
            f"{data_dir} holds {name.strip()!r}; choose another --data-dir for {season.name!r}"
        )


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a start that was killed halfway must not leave half a file."""
    made = path.with_suffix(".new")
    made.write_text(text, encoding="utf-8")
    made.chmod(0o600)
    os.replace(made, path)
