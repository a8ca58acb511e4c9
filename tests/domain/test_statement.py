"""The running balance of a wallet, and what speaks against it."""

from dataclasses import replace

import pytest
from touchline.domain.statement import Balance, Posting, Statement

GRANT = Posting(1, 0, "grant", "a", 1, 100, 0, 100, 0)
OPEN = Posting(2, 1, "open", "b", 1, -31, 30, 69, 30)
CLOSE = Posting(3, 2, "close", "c", 1, 40, -30, 109, 0)
EPOCH = 1 << 32


def stated(*postings, row=None):
    statement = Statement(row)
    lines = [statement.add(posting) for posting in postings]
    return statement, lines


def test_each_line_has_the_sum_of_all_before_it():
    statement, lines = stated(GRANT, OPEN, CLOSE)

    assert [line.balance for line in lines] == [
        Balance(100, 0, 1),
        Balance(69, 30, 2),
        Balance(109, 0, 3),
    ]
    assert statement.closing == Balance(109, 0, 3)
    assert (statement.postings, statement.doubts, statement.agrees) == (3, 0, True)


@pytest.mark.parametrize(
    "row", [Balance(100, 0, 1), Balance(69, 30, 2), Balance(109, 0, 3), Balance(0, 0, 0)]
)
def test_a_row_agrees_with_the_balance_at_its_version(row):
    statement, _ = stated(GRANT, OPEN, CLOSE, row=row)

    assert statement.agrees
    assert statement.at_row == row
    assert statement.after_row == 3 - row.version


@pytest.mark.parametrize(
    "row", [Balance(101, 0, 1), Balance(69, 31, 2), Balance(109, 0, 4), Balance(1, 0, 0)]
)
def test_a_row_that_has_something_else_disagrees(row):
    assert not stated(GRANT, OPEN, CLOSE, row=row)[0].agrees


@pytest.mark.parametrize("wrong", [{"cash_after_e4": 70}, {"locked_after_e4": 31}])
def test_a_fact_that_says_another_balance_is_in_doubt(wrong):
    statement, lines = stated(GRANT, replace(OPEN, **wrong), CLOSE)

    assert [line.doubt for line in lines] == ["", "the fact itself says another balance", ""]
    assert not statement.agrees


def test_a_missing_posting_is_in_doubt():
    statement, lines = stated(GRANT, CLOSE)

    assert lines[1].doubt == "version 3 does not follow 1"
    assert not statement.agrees


@pytest.mark.parametrize(
    ("version", "sound"), [(EPOCH + 1, True), (EPOCH, False), (EPOCH + 2, False), (1, False)]
)
def test_a_rebuilt_redis_begins_anew(version, sound):
    _, lines = stated(GRANT, replace(OPEN, version=version))

    assert (lines[1].doubt == "") is sound


def test_a_wallet_without_a_row_has_nothing_to_disagree_with():
    statement, _ = stated(GRANT)

    assert (statement.agrees, statement.at_row, statement.after_row) == (True, None, 1)
