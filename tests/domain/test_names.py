"""What people may call themselves."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.names import NAME_MAX, NAME_MIN, NameFault, display_name, name_key


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada  Lovelace ", "Ada Lovelace"),
        ("Ada\n", "Ada"),
        ("Zoe\u0308!", "Zoë!"),
        ("李小龙", "李小龙"),
        ("Ngọc Ánh", "Ngọc Ánh"),
        ("🐙 fc1", "🐙 fc1"),
        ("x" * NAME_MAX, "x" * NAME_MAX),
    ],
)
def test_a_good_name_is_taken_without_what_nobody_sees(text: str, name: str) -> None:
    assert display_name(text) == name


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", NameFault.LENGTH),
        (" a b", None),
        ("ab", NameFault.LENGTH),
        ("a" + " " * 9 + "b", None),
        ("x" * (NAME_MAX + 1), NameFault.LENGTH),
        ("Ada\x00", NameFault.CHARACTER),
        ("Ada\tL", NameFault.CHARACTER),
        ("Ada\u202eadA", NameFault.CHARACTER),
        ("Ada\u200b", NameFault.CHARACTER),
        ("Ada\u00a0L", NameFault.CHARACTER),
        ("Ada\u3164", NameFault.CHARACTER),
        ("Ada\ud800", NameFault.CHARACTER),
        ("Ada\ue000", NameFault.CHARACTER),
        ("A\u0301\u0302\u0303\u0304da", NameFault.MARKS),
        ("...", NameFault.WORD),
        ("🐙🐙🐙", NameFault.WORD),
    ],
)
def test_what_cannot_be_told_apart_or_shown_is_refused(text: str, fault: NameFault | None) -> None:
    assert display_name(text) == (fault or text.strip().replace(" " * 9, " "))


@given(st.text(max_size=NAME_MAX + 4))
def test_a_name_stays_what_it_is(text: str) -> None:
    name = display_name(text)

    if isinstance(name, str):
        assert display_name(name) == name
        assert NAME_MIN <= len(name) <= NAME_MAX
        assert name.isprintable()
        assert unicodedata.is_normalized("NFC", name)
        assert name_key(name_key(name)) == name_key(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada", "aDA"), ("STRASSE", "straße"), ("Ａｄａ", "Ada"), ("ÉMILE", "émile"), ("ﬁn", "FIN")],
)
def test_names_that_differ_by_case_or_width_alone_are_the_same(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_other_names_are_others() -> None:
    assert len({name_key(name) for name in ("Ada", "Adä", "Ada 2", "Аda")}) == 4
