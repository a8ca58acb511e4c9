"""The next version of this package, as far as a running exchange can tell it from this one."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from touchline.store.schema_files import packaged_files

from tests.embedded_process import REPOSITORY

VERSION = "99.0"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "bench", "*.egg-info")
#: What an additive file may do to tables that the present version writes to all the time.
CHANGES = """-- additive
ALTER TABLE trades ADD COLUMN next_note TEXT;
ALTER TABLE cfd_events ADD COLUMN next_note TEXT;
ALTER TABLE wallets ADD COLUMN next_count BIGINT NOT NULL DEFAULT 7;
ALTER TABLE cfd_positions ADD COLUMN next_note TEXT;
CREATE TABLE next_notes(id BIGINT PRIMARY KEY, note TEXT NOT NULL);
"""


class NextVersion:
    """A copy below *root* with another number, one more schema file and other script texts."""

    def __init__(self, root: Path) -> None:
        self._root, self._package = root, root / "touchline"
        shutil.copytree(REPOSITORY, self._package, ignore=LEFT_OUT)
        number = len(packaged_files()) + 1
        (self._package / "migrations" / f"{number:04}-next-version.sql").write_text(CHANGES)
        for script in (self._package / "lua").glob("*.lua"):
            script.write_text(script.read_text() + "-- the next version\n")
        metadata = root / f"touchline-{VERSION}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Name: touchline\nVersion: {VERSION}\n")

    @property
    def settings(self) -> dict[str, str]:
        """What a process is given to run this version instead of the present one."""
        # Before the working directory, which has the number of the present one.
        return {"PYTHONPATH": f"{self._root}:{REPOSITORY}", "PYTHONSAFEPATH": "1"}

    def digest(self, *scripts: str) -> str:
        """The name by which Redis knows the text of *scripts*, one behind the other."""
        texts = [(self._package / "lua" / f"{name}.lua").read_text() for name in scripts]
        return hashlib.sha1("\n".join(texts).encode(), usedforsecurity=False).hexdigest()
