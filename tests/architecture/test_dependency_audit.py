"""`make audit`: what is known fails, and what could not be asked is never taken for good."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def audited(tmp_path: Path, says: str, code: int) -> tuple[int, str]:
    """What the audit makes of a pip-audit that *says* this and ends with *code*."""
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\ncat <<'SAID'\n{says}\nSAID\nexit {code}\n")
    program.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "audit"],
        env=os.environ | {"PIP_AUDIT": str(program)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


def test_dependencies_without_a_known_hole_pass(tmp_path: Path) -> None:
    assert audited(tmp_path, "No known vulnerabilities found", 0)[0] == 0


def test_a_known_hole_fails_and_is_named(tmp_path: Path) -> None:
    says = "Found 1 known vulnerability in 1 package\nflask 1.0 PYSEC-2023-62 2.3.2"

    code, told = audited(tmp_path, says, 1)

    assert code == 1
    assert "PYSEC-2023-62" in told


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("ERROR:pip_audit:Max retries exceeded with url", 1),
        ("", 0),
        ("", 1),
        ("No known vulnerabilities found\nflask Dependency could not be audited", 0),
        ("Traceback (most recent call last):", 1),
    ],
)
def test_what_could_not_be_looked_up_is_never_a_pass(tmp_path: Path, says: str, code: int) -> None:
    ended, told = audited(tmp_path, says, code)

    assert ended == 2
    assert told.splitlines()[-1].startswith("not checked: ")
