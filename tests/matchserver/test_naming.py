"""Numbers and short codes that tell clubs apart."""

from hypothesis import given
from hypothesis import strategies as st
from touchline.matchserver.naming import short_codes, stable_ids


@given(st.sets(st.text(max_size=12), max_size=40))
def test_any_names_get_codes_and_numbers_of_their_own(names):
    codes, ids = short_codes(names), stable_ids("club", names)

    assert len(set(codes.values())) == len(set(ids.values())) == len(names)
    assert all(len(code) == 3 and code.isascii() and code.isalnum() for code in codes.values())
    assert all(0 < number < 2**31 for number in ids.values())


def test_codes_are_those_a_reader_would_guess():
    codes = short_codes(
        ["1. FC Köln", "Manchester United", "Manchester City FC", "AFC Ajax", "São Paulo"]
    )

    assert codes == {
        "1. FC Köln": "KOL",
        "AFC Ajax": "AJA",
        "Manchester City FC": "MAN",
        "Manchester United": "MUN",
        "São Paulo": "SAO",
    }


def test_numbers_are_plain_functions_of_the_name():
    assert stable_ids("club", ["Moor"]) == {"Moor": stable_ids("club", ["Fen", "Moor"])["Moor"]}
