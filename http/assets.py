"""The files of the pages, as packaged in `web/`, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "py": "text/x-python; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    content_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Every file by its name."""
    # The root package: this one has no __init__.py to anchor resources at.
    web = files(__name__.partition(".")[0]).joinpath("web")
    return {
        entry.name: Asset(entry.read_bytes(), _TYPES[entry.name.rpartition(".")[2]])
        for entry in web.iterdir()
        if entry.name.rpartition(".")[2] in _TYPES
    }
