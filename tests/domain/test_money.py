"""Decimal strings to integers and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.money import (
    AMOUNT_MAX,
    ParseError,
    format_e4,
    format_px,
    format_qty,
    parse_money,
    parse_px,
    parse_qty,
)


@pytest.mark.parametrize(
    ("text", "px"), [("101.20", 1_012_000), ("101", 1_010_000), ("0.01", 100), ("007.5", 75_000)]
)
def test_a_price_is_read_in_ten_thousandths(text: str, px: int) -> None:
    assert parse_px(text) == px


@pytest.mark.parametrize(("text", "qty"), [("12.500", 12_500), ("12.5", 12_500), ("0.001", 1)])
def test_a_quantity_is_read_in_thousandths(text: str, qty: int) -> None:
    assert parse_qty(text) == qty


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1\n", "+1", "-1", ".5", "5.", "1e3", "1_000", "1,5", "NaN", "Infinity",
     "0x1", "١", "1.2.3", "9" * 17, "1." + "0" * 17],
)  # fmt: skip
def test_only_plain_decimals_are_numbers(text: str) -> None:
    assert parse_money(text) is ParseError.SYNTAX


@pytest.mark.parametrize(
    ("parse", "text"), [(parse_px, "1.001"), (parse_qty, "1.0001"), (parse_money, "1.00001")]
)
def test_more_decimals_than_the_unit_has_are_refused(parse: object, text: str) -> None:
    assert callable(parse)
    assert parse(text) is ParseError.PRECISION


@pytest.mark.parametrize("text", ["0", "0.00", "900000000000.01", "9999999999999999"])
def test_zero_and_what_would_not_be_exact_are_out_of_range(text: str) -> None:
    assert parse_px(text) is ParseError.RANGE
    assert parse_money(text) is ParseError.RANGE


def test_the_largest_amount_is_exact_as_a_double() -> None:
    assert parse_money("900000000000") == AMOUNT_MAX
    assert int(float(AMOUNT_MAX)) == AMOUNT_MAX < 2**53


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.0000"), (-1, "-0.0001"), (12_513_138, "1251.3138"), (1, "0.0001")]
)
def test_money_is_written_with_four_decimals(value: int, text: str) -> None:
    assert format_e4(value) == format_px(value) == text


@given(st.integers(1, AMOUNT_MAX))
def test_what_is_written_reads_back(value: int) -> None:
    assert parse_money(format_e4(value)) == value
    assert parse_qty(format_qty(value)) == value
