"""Pages of a list, as they are answered over HTTP.

Source: docs/protocol.md, "Lists and cursors".
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

Row = TypeVar("Row")


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """Some rows of a list, and the cursor to ask for those behind them with."""

    data: tuple[Row, ...]
    next_cursor: str | None
    has_more: bool


class All(msgspec.Struct, Generic[Row], frozen=True):
    """All rows of a short list."""

    data: tuple[Row, ...]
