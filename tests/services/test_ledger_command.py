"""`touchline ledger`: a statement that adds up, of what is in the ledger and what still waits."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from redis import Redis
from touchline.config import Servers
from touchline.services.statement import SHOWN, NoStatement, print_statement
from touchline.store import statements
from touchline.store.embedded import Addresses
from touchline.store.ledger import Ledger
from touchline.store.postgres import Postgres

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import trade_entry
from tests.processes import refusal

NOWHERE = Path("/nowhere")


@dataclass(frozen=True, slots=True)
class Told:
    """What the command has printed, and its exit code."""

    code: int
    lines: list[str]
    beside: list[str]

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO("\n".join(self.lines))))


Tell = Callable[..., Told]


@pytest.fixture
def given(servers: Addresses) -> Servers:
    return Servers(servers.redis_url, servers.database_url, "")


@pytest.fixture
def books(redis: Redis, pg: Postgres) -> Books:
    """Books after trades and positions, everything in Postgres."""
    books = Books(redis, pg)
    books.some_trades()
    books.some_positions()
    assert books.drain().everything().complete
    return books


@pytest.fixture
def told(given: Servers, capsys: pytest.CaptureFixture[str]) -> Tell:
    def tell(user: str, as_csv: bool = False) -> Told:
        code = print_statement(given, NOWHERE, user, as_csv=as_csv)
        printed = capsys.readouterr()
        return Told(code, printed.out.splitlines(), printed.err.splitlines())

    return tell


def test_a_statement_reads_from_the_grant_to_the_closing_balance(books: Books, told: Tell) -> None:
    statement = told("1")

    wallet = books.hot.wallet(1)
    assert statement.code == 0
    assert statement.lines[0] == "Statement of wallet 1: User 1 <user1@example.org>"
    assert statement.lines[2] == "opening balance: 0.0000 free, 0.0000 reserved"
    first = statement.lines[3]
    assert first.startswith("2026-10-24T15:05:00.123Z  grant (start balance)")
    assert first.split()[-4:] == ["10000.0000", "0.0000", "10000.0000", "0.0000"]
    assert any(" buy 1.000 CLUB7 at 100." in line and " fee 0." in line for line in statement.lines)
    assert any(" open long 1.000 CLUB7 at " in line for line in statement.lines)
    closing = f"{wallet.cash_e4 / 10_000:.4f} free, {wallet.locked_e4 / 10_000:.4f} reserved"
    assert statement.lines[-4:] == [
        f"closing balance: {closing}",
        f"postings: {len(statement.lines) - 7}, in doubt: 0",
        f"wallet row: agrees at version {wallet.version}",
        "facts that still wait in Redis: 0",
    ]


def test_a_user_is_named_by_id_or_address(books: Books, told: Tell) -> None:
    assert told("USER2@example.org").lines == told("2").lines


def test_csv_has_the_postings_alone_and_the_rest_beside_it(books: Books, told: Tell) -> None:
    statement = told("1", as_csv=True)

    wallet = books.hot.wallet(1)
    versions = [int(row["version"]) for row in statement.rows]
    assert versions == list(range(1, wallet.version + 1))
    assert statement.rows[0]["kind"] == "grant"
    assert statement.rows[-1]["cash_after"] == f"{wallet.cash_e4 / 10_000:.4f}"
    assert {row["doubt"] for row in statement.rows} == {""}
    assert f"wallet row: agrees at version {wallet.version}" in statement.beside


def test_the_treasury_has_the_other_side_of_everything(books: Books, told: Tell) -> None:
    statement = told("0", as_csv=True)

    treasury = books.hot.wallet(0)
    assert statement.code == 0
    assert len(statement.rows) == treasury.version
    assert {row["user"] for row in statement.rows} == {"1", "2", "3"}
    assert statement.rows[-1]["cash_after"] == f"{treasury.cash_e4 / 10_000:.4f}"


def test_many_postings_are_read_page_by_page(
    books: Books, told: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = told("0")
    for page in (1, 2, len(whole.lines) - 7):
        monkeypatch.setattr(statements, "PAGE", page)

        assert told("0") == whole


def test_facts_that_wait_in_redis_are_named(books: Books, told: Tell) -> None:
    trade, _, opened = books.trade(1), books.trade(2), books.open(1)

    statement = told("1")

    assert statement.code == 0
    assert statement.lines[-3:-1] == [
        "facts that still wait in Redis: 2",
        f"  trade_outbox: trade {trade.fill.trade_id}",
    ]
    assert statement.lines[-1] == f"  position_outbox: open {opened.id}"
    assert "facts that still wait in Redis: 3" in told("0").lines


def test_a_long_queue_is_counted_and_not_listed(books: Books, told: Tell) -> None:
    for _ in range(SHOWN + 3):
        books.trade(1, qty=5)

    lines = told("1").lines

    at = lines.index(f"facts that still wait in Redis: {SHOWN + 3}")
    assert len(lines[at + 1 :]) == SHOWN


def test_a_fact_that_is_in_both_places_does_not_wait(books: Books, told: Tell) -> None:
    trade = books.trade(1)
    outbox = books.drain().outboxes["trade_outbox"]
    assert outbox.waiting() == 1
    Ledger(books.pg).insert_facts([replace(trade_entry(1), fields=trade.entry)], 0)

    lines = told("1").lines

    assert lines[-2:] == ["postings newer than the row: 1", "facts that still wait in Redis: 0"]


def test_a_parked_fact_is_among_the_postings(
    books: Books, told: Tell, capsys: pytest.CaptureFixture[str]
) -> None:
    books.rows("ALTER TABLE trades ADD CONSTRAINT no_more CHECK (user_id <> 2) NOT VALID")
    books.rows("ALTER TABLE cfd_events ADD CONSTRAINT no_more CHECK (user_id <> 2) NOT VALID")
    try:
        books.trade(2)
        books.open(2)
        books.drain().everything()
        capsys.readouterr()  # the log tells of the refusal

        statement = told("2", as_csv=True)
    finally:
        books.rows("ALTER TABLE trades DROP CONSTRAINT no_more")
        books.rows("ALTER TABLE cfd_events DROP CONSTRAINT no_more")
    assert statement.code == 0
    assert [row["parked"] for row in statement.rows[-3:]] == ["no", "yes", "yes"]
    assert {row["doubt"] for row in statement.rows} == {""}


@pytest.mark.parametrize(
    ("tampering", "line"),
    [
        (
            "UPDATE wallets SET cash_e4 = cash_e4 + 1 WHERE user_id = 1",
            "wallet row: DIFFERS at version ",
        ),
        ("UPDATE wallets SET version = 999 WHERE user_id = 1", "the ledger: no such posting"),
        ("UPDATE trades SET fee_e4 = fee_e4 + 1 WHERE user_id = 1", "another balance"),
        ("DELETE FROM trades WHERE user_id = 1 AND idx = 8", " does not follow "),
    ],
)
def test_what_does_not_add_up_is_told(books: Books, told: Tell, tampering: str, line: str) -> None:
    books.rows(tampering)

    statement = told("1")

    assert statement.code == 1
    assert line in "\n".join(statement.lines)


def test_a_redis_that_is_away_does_not_hide_the_ledger(
    books: Books, given: Servers, capsys: pytest.CaptureFixture[str]
) -> None:
    away = replace(given, redis_url="unix:///nowhere.sock")

    assert print_statement(away, NOWHERE, "1", as_csv=False) == 0

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("facts that still wait in Redis: unknown, ConnectionError: ")


@pytest.mark.parametrize("user", ["99", "nobody@example.org", "", "'", "9" * 30, "²"])
def test_a_user_that_is_not_there_is_refused(books: Books, told: Tell, user: str) -> None:
    with pytest.raises(NoStatement, match=f"^there is no user {user}"):
        told(user)


def test_a_ledger_that_cannot_be_read_is_said_in_one_line() -> None:
    away = {
        "REDIS_URL": "unix:///nowhere.sock",
        "DATABASE_URL": "postgresql:///touchline?host=/nowhere",
    }

    line = refusal("ledger", "1", **away)

    assert line.startswith("touchline: cannot read the ledger: OperationalError: ")


@pytest.mark.parametrize("command", [("ledger", "1"), ("reconcile",)])
def test_one_server_without_the_other_is_refused_in_a_line(command: tuple[str, ...]) -> None:
    line = refusal(*command, REDIS_URL="redis://127.0.0.1:1")

    assert "REDIS_URL is set and its sibling is not" in line
