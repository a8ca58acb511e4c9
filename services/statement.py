"""`touchline ledger`: a wallet's statement, for people and as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import psycopg2
import redis

from ..config import Servers
from ..domain.clock import rfc3339
from ..domain.ids import TREASURY
from ..domain.money import format_e4, format_px, format_qty
from ..domain.statement import Balance, Line, Posting, Statement
from ..store.outage import one_line
from ..store.statements import Account, Owner, Statements
from .reach import servers_of
from .stores import Stores, open_stores

SHOWN = 20  #: facts that wait in Redis and are named; the others are counted
CSV_COLUMNS = (
    *("version", "time", "kind", "fact", "user", "symbol", "side", "quantity", "price", "fee"),
    *("amount", "reserved", "cash_after", "locked_after", "note", "parked", "doubt"),
)
_HEAD = f"{'time':24}  {'what':56}  {'amount':>16}  {'reserved':>14}  {'free':>18}  {'locked':>16}"

Tell = Callable[[Line], None]


class NoStatement(Exception):
    """There is nobody of that name, or no ledger to be read; the text is the one line to show."""


def print_statement(external: Servers | None, data_dir: Path, named: str, *, as_csv: bool) -> int:
    """Print the statement of the user with the id or address *named*; 0 if it adds up, else 1.

    With *as_csv* standard output has the postings alone, and standard error the rest.

    Raises:
        NoStatement: nobody is called so, or Postgres cannot be asked.
        EmbeddedError: there is no data in *data_dir*.
    """
    with servers_of(external, data_dir) as servers:
        stores = open_stores(servers, "ledger", connections=1, gated=False)
        try:
            return _print(stores, named, as_csv=as_csv)
        except psycopg2.Error as why:
            raise NoStatement(f"cannot read the ledger: {one_line(why)}") from None
        finally:
            stores.close()


def _print(stores: Stores, named: str, *, as_csv: bool) -> int:
    statements = Statements(stores.pg)
    owner = statements.owner(named)
    if owner is None:
        raise NoStatement(f"there is no user {named}")
    beside = sys.stderr if as_csv else sys.stdout
    print(f"Statement of wallet {owner.id}: {owner.name} <{owner.email}>", file=beside)
    tell = _csv_writer() if as_csv else _text_writer(owner)
    with statements.account(owner.id) as account:
        statement = Statement(account.row())
        _say(beside, "opening balance", Balance())
        for posting in account.postings():
            tell(statement.add(posting))
        _say(beside, "closing balance", statement.closing)
        print(_agreement(statement), file=beside)
        print(_waiting(account, stores), file=beside)
    return 0 if statement.agrees else 1


def _say(where: TextIO, what: str, balance: Balance) -> None:
    print(f"{what}: {_spelled(balance)}", file=where)


def _spelled(balance: Balance) -> str:
    return f"{format_e4(balance.cash_e4)} free, {format_e4(balance.locked_e4)} reserved"


def _agreement(statement: Statement) -> str:
    row = statement.row
    lines = [f"postings: {statement.postings}, in doubt: {statement.doubts}"]
    if row is None:
        lines.append("wallet row: none yet")
    elif statement.at_row == row:
        lines.append(f"wallet row: agrees at version {row.version}")
    else:
        ours = _spelled(statement.at_row) if statement.at_row else "no such posting"
        lines.append(
            f"wallet row: DIFFERS at version {row.version}: {_spelled(row)}; the ledger: {ours}"
        )
    if statement.after_row:
        lines.append(f"postings newer than the row: {statement.after_row}")
    return "\n".join(lines)


def _waiting(account: Account, stores: Stores) -> str:
    named: list[str] = []
    count = 0
    try:
        for each in account.waiting(stores.outboxes):
            count += 1
            if len(named) < SHOWN:
                named.append(f"  {each.stream}: {each.kind} {each.fact_id}")
    except redis.RedisError as why:
        return f"facts that still wait in Redis: unknown, {one_line(why)}"
    return "\n".join([f"facts that still wait in Redis: {count}", *named])


def _text_writer(owner: Owner) -> Tell:
    print(_HEAD)

    def tell(line: Line) -> None:
        posting, balance = line.posting, line.balance
        print(
            f"{rfc3339(posting.at_ms):24}  {_what(posting, owner):56}"
            f"  {format_e4(posting.amount_e4):>16}  {format_e4(posting.reserved_e4):>14}"
            f"  {format_e4(balance.cash_e4):>18}  {format_e4(balance.locked_e4):>16}"
            + (f"  ! {line.doubt}" if line.doubt else "")
        )

    return tell


def _what(posting: Posting, owner: Owner) -> str:
    words = [posting.kind, posting.side or ""]
    if posting.qty and posting.px:
        words += [format_qty(posting.qty), posting.symbol or "?", "at", format_px(posting.px)]
    else:
        words.append(posting.symbol or "")
    words.append(f"({posting.note})" if posting.note else "")
    words.append(f"fee {format_e4(posting.fee_e4)}" if posting.fee_e4 else "")
    words.append(f"user {posting.user}" if owner.id == TREASURY else "")
    words.append("[parked]" if posting.parked else "")
    return " ".join(filter(None, words))


def _csv_writer() -> Tell:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)

    def tell(line: Line) -> None:
        posting, balance = line.posting, line.balance
        writer.writerow(
            (
                posting.version,
                rfc3339(posting.at_ms),
                posting.kind,
                posting.fact_id,
                posting.user,
                posting.symbol or "",
                posting.side or "",
                "" if posting.qty is None else format_qty(posting.qty),
                "" if posting.px is None else format_px(posting.px),
                format_e4(posting.fee_e4),
                format_e4(posting.amount_e4),
                format_e4(posting.reserved_e4),
                format_e4(balance.cash_e4),
                format_e4(balance.locked_e4),
                posting.note,
                "yes" if posting.parked else "no",
                line.doubt,
            )
        )

    return tell
