"""Decimal strings to integers and back.

Prices are 1e-4 coin (``px``), quantities 1e-3 share (``qty``), money 1e-4 coin (``_e4``).
Source: docs/market.md, "Units".
"""

import re
from enum import Enum

COIN_E4 = 10_000  #: money units in a coin
QTY_PER_SHARE = 1_000  #: quantity units in a share
AMOUNT_MAX = 9_000_000_000_000_000  #: largest amount held anywhere; below 2**53, so exact in Lua

_PX_DECIMALS = 2  # users enter prices on the tick size of 0.01
_QTY_DECIMALS = 3
_MONEY_DECIMALS = 4
# Longer texts cannot be within AMOUNT_MAX unless padded; the bound keeps int() cheap.
_DECIMAL = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,16}))?", re.ASCII)


class ParseError(Enum):
    """Why a text is not a usable number."""

    SYNTAX = 'must be a plain decimal number in a string, such as "12.5"'
    PRECISION = "has too many decimals"
    RANGE = "must be greater than zero and not astronomically large"


def parse_px(text: str) -> int | ParseError:
    """A price a user typed (at most 2 decimals) in 1e-4 coin."""
    value = _parse(text, _PX_DECIMALS)
    return value if isinstance(value, ParseError) else _in_range(value * 100)


def parse_qty(text: str) -> int | ParseError:
    """A quantity of shares (at most 3 decimals) in 1e-3 share."""
    return _in_range(_parse(text, _QTY_DECIMALS))


def parse_money(text: str) -> int | ParseError:
    """An amount of coins (at most 4 decimals) in 1e-4 coin."""
    return _in_range(_parse(text, _MONEY_DECIMALS))


def format_px(px: int) -> str:
    """*px* (1e-4 coin) with 4 decimals."""
    return format_e4(px)


def format_qty(qty: int) -> str:
    """*qty* (1e-3 share) with 3 decimals."""
    sign = "-" if qty < 0 else ""
    return f"{sign}{abs(qty) // 1_000}.{abs(qty) % 1_000:03d}"


def format_e4(amount_e4: int) -> str:
    """*amount_e4* (1e-4 coin) with 4 decimals."""
    sign = "-" if amount_e4 < 0 else ""
    return f"{sign}{abs(amount_e4) // 10_000}.{abs(amount_e4) % 10_000:04d}"


def _parse(text: str, decimals: int) -> int | ParseError:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return ParseError.SYNTAX
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > decimals:
        return ParseError.PRECISION
    return int(whole + fraction.ljust(decimals, "0"))


def _in_range(value: int | ParseError) -> int | ParseError:
    if isinstance(value, ParseError) or 0 < value <= AMOUNT_MAX:
        return value
    return ParseError.RANGE
