"""A wallet's postings one after the other, with the balance that each of them leaves.

Source: docs/operations.md, "Statements".
"""

from dataclasses import dataclass

from .ids import UserId


@dataclass(frozen=True, slots=True)
class Posting:
    """One fact from the side of one wallet; its version puts the wallet's facts in order."""

    version: int
    at_ms: int  #: calendar time of the fact
    #: buy, sell, open, change, close, or what a grant calls itself.
    kind: str
    fact_id: str
    user: UserId  #: whose fact it is; not the wallet's own where that is the treasury
    amount_e4: int  #: into what is free, or out of it
    reserved_e4: int  #: into what is reserved, or out of it
    #: What the fact itself says was left.
    cash_after_e4: int
    locked_after_e4: int
    symbol: str | None = None
    side: str | None = None  #: long or short, of a position
    qty: int | None = None
    px: int | None = None
    fee_e4: int = 0
    note: str = ""  #: a grant's note, or why a position was closed
    #: Whether Postgres refuses it for now; it is in the table of parked facts.
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """What a wallet has, free and reserved, at one of its versions."""

    cash_e4: int = 0
    locked_e4: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One posting, the running balance after it, and what speaks against it."""

    posting: Posting
    balance: Balance
    doubt: str = ""


class Statement:
    """Adds up the postings of one wallet in the order of their versions.

    Args:
        row: what the table of wallets has; None if the wallet has no row.
    """

    def __init__(self, row: Balance | None) -> None:
        self.row = row
        self.closing = Balance()
        self.postings = 0
        self.doubts = 0
        #: Postings newer than the row.
        self.after_row = 0
        self._at_row = Balance() if row and row.version == 0 else None

    def add(self, posting: Posting) -> Line:
        """The next posting with the balance it leaves."""
        before = self.closing
        balance = Balance(
            before.cash_e4 + posting.amount_e4,
            before.locked_e4 + posting.reserved_e4,
            posting.version,
        )
        doubt = _doubt(before, balance, posting)
        self.closing = balance
        self.postings += 1
        self.doubts += doubt != ""
        if self.row and posting.version == self.row.version:
            self._at_row = balance
        if not self.row or posting.version > self.row.version:
            self.after_row += 1
        return Line(posting, balance, doubt)

    @property
    def agrees(self) -> bool:
        """Whether the running balance is the row's at the row's version, and nothing is in doubt.

        Without a row there is nothing to disagree with.
        """
        return self.doubts == 0 and (self.row is None or self._at_row == self.row)

    @property
    def at_row(self) -> Balance | None:
        """The running balance at the row's version; None if no posting has it."""
        return self._at_row


def _doubt(before: Balance, after: Balance, posting: Posting) -> str:
    # A rebuilt Redis begins the next epoch, in the upper half, at one.
    follows = after.version == before.version + 1 or (
        after.version >> 32 > before.version >> 32 and after.version & 0xFFFFFFFF == 1
    )
    if not follows:
        return f"version {after.version} does not follow {before.version}"
    if (after.cash_e4, after.locked_e4) != (posting.cash_after_e4, posting.locked_after_e4):
        return "the fact itself says another balance"
    return ""
