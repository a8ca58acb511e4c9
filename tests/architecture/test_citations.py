"""Docstrings and comments cite docs/: what they cite has to be there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINDS = (".py", ".lua", ".sql")

#: A file below docs/ (a decision may go by its number) and the titles in quotes right behind it.
CITATION = re.compile(r'(?<![\w/])(docs/[\w/-]+(?:\.md)?)((?:,?(?: and)? "[^"]+")*)')
#: A citation may run on in the next line, behind the mark of a comment.
LINE_END = re.compile(r"\s*\n\s*(?:#:?|--)?\s*")
#: The places of tests that the head of a script names: a folder, a file, or further files of it.
TESTED_IN = re.compile(r"(tests/(?:[\w]+/)+)((?:test_\w+\.py(?:, )?)*)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Citation:
    """*file* and the titles of its sections, as *source* gives them."""

    source: str
    file: str
    sections: tuple[str, ...]


def citations_in(text: str, source: str) -> Iterator[Citation]:
    """Every citation in the *text* of *source*."""
    for file, titles in CITATION.findall(LINE_END.sub(" ", text)):
        yield Citation(source, file, tuple(re.findall(r'"([^"]+)"', titles)))


@cache
def citations() -> tuple[Citation, ...]:
    """Every citation in the tree."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    sources = [name for name in listed if name.endswith(KINDS) and (ROOT / name).is_file()]
    return tuple(
        citation
        for source in sources
        for citation in citations_in((ROOT / source).read_text(encoding="utf-8"), source)
    )


@cache
def cited_file(name: str) -> Path | None:
    """The file that *name* stands for, if there is exactly one."""
    found = [ROOT / name] if name.endswith(".md") else list(ROOT.glob(f"{name}-*.md"))
    return found[0] if len(found) == 1 and found[0].is_file() else None


@cache
def headings(file: Path) -> frozenset[str]:
    """The titles of all sections of *file*."""
    return frozenset(HEADING.findall(FENCED.sub("", file.read_text(encoding="utf-8"))))


def test_every_docs_file_that_is_cited_exists() -> None:
    offenders = [
        f"{each.source} cites {each.file}" for each in citations() if cited_file(each.file) is None
    ]

    assert Citation("domain/money.py", "docs/market.md", ("Units",)) in citations()
    assert offenders == []


def test_every_section_that_is_cited_is_a_heading_of_its_file() -> None:
    offenders = [
        f'{each.source} cites {each.file}, "{section}"'
        for each in citations()
        for section in each.sections
        if (file := cited_file(each.file)) is not None and section not in headings(file)
    ]

    assert offenders == []


def named_tests(text: str) -> Iterator[str]:
    """Files of tests, and folders where no file is named, in the *text* of a script."""
    for folder, files in TESTED_IN.findall(text):
        yield from (folder + name for name in files.split(", ")) if files else (folder,)


def test_every_test_that_the_head_of_a_script_names_exists() -> None:
    named = {
        script.name: list(named_tests(script.read_text(encoding="utf-8")))
        for script in (ROOT / "lua").glob("*.lua")
    }
    offenders = [
        f"{script} names {name}"
        for script, names in named.items()
        for name in names
        if not (ROOT / name).exists()
    ]

    assert named["write_anyway.lua"] == [
        "tests/store/test_full_redis.py",
        "tests/store/test_full_restart.py",
    ]
    assert offenders == []


def test_a_citation_is_read_across_lines_and_with_all_its_sections() -> None:
    text = '-- See docs/market.md,\n-- "Units" and "Prices"; docs/decisions/0004.'

    assert list(citations_in(text, "a.lua")) == [
        Citation("a.lua", "docs/market.md", ("Units", "Prices")),
        Citation("a.lua", "docs/decisions/0004", ()),
    ]


def test_what_looks_like_a_heading_inside_a_block_of_code_is_none(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```sh\n# a comment\n```\n\n### The end\n", encoding="utf-8")

    assert headings(page) == {"Title", "The end"}
