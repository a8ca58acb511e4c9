"""docs/security.md names tests, as docs/reliability.md does: they are there.

And what docs/security.md says of the code at large holds.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "security.md"
CITED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
#: A rule of bandit that is not to be followed here, and what is said of it.
EXCEPTION = re.compile(r"# noqa: (?P<rules>[A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*)(?P<said>.*)$", re.M)


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("page", "at_least"), [("security.md", 50), ("reliability.md", 25)])
def test_every_test_that_a_page_names_exists(page: str, at_least: int) -> None:
    cited = CITED.findall((PAGE.parent / page).read_text(encoding="utf-8"))

    missing = [
        f"{file}::{name}"
        for file, name in cited
        if not (ROOT / file).is_file() or (name and name not in functions(ROOT / file))
    ]

    assert len(cited) > at_least
    assert missing == []


def test_every_threat_names_what_stands_against_it() -> None:
    threats = PAGE.read_text(encoding="utf-8").partition("\n## Threats\n")[2].partition("\n## ")[0]
    rows = [line for line in threats.splitlines() if line.startswith("| ")]
    said = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]

    assert len(said) > 30
    assert [row for row in said if len(row) < 3 or not row[1]] == []


def test_every_exception_from_the_security_rules_has_its_reason() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    sources = [name for name in listed if name and (ROOT / name).is_file()]

    exceptions = [
        (name, found["rules"], found["said"].strip(" -—"))
        for name in sources
        if not name.startswith(("tests/", "bench/"))
        for found in EXCEPTION.finditer((ROOT / name).read_text(encoding="utf-8"))
        if re.search(r"\bS[0-9]", found["rules"])
    ]

    assert exceptions
    assert [each for each in exceptions if len(each[2].split()) < 3] == []


def test_every_dependency_is_pinned_by_its_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    pinned = [line for line in lock.splitlines() if line and not line.lstrip().startswith("#")]

    assert len(pinned) > 30
    assert [line for line in pinned if "==" not in line or "--hash=sha256:" not in line] == []
