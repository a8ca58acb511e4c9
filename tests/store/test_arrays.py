"""Rows as arrays: whatever a text holds, Postgres gives back the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.store.arrays import array_columns, array_literal

TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["", "NULL", "null", "{}", '"', "\\", "a,b", " ", "-1", "{a}"]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)


@settings(max_examples=100)
@given(values=st.lists(TEXTS, max_size=8))
def test_any_text_comes_back_from_postgres_as_it_went_in(pg, values):
    with pg.transaction() as cursor:
        cursor.execute("SELECT %s::text[]", (array_literal(values),))
        (returned,) = cursor.fetchone()

    assert returned == values


def test_rows_become_one_literal_per_column():
    assert array_columns([("1", "a b"), ("2", None)]) == ["{1,2}", '{"a b",NULL}']


def test_rows_of_different_widths_are_an_error():
    with pytest.raises(ValueError):
        array_columns([("1", "2"), ("3",)])
