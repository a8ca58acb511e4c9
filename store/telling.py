"""Telling of a change inside the transaction that makes it, so that both are there or neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .refusals import Cursor

T = TypeVar("T")

Tell = Callable[[Cursor, T], None]
"""What is called with a change before it is committed."""


def nobody(_cursor: Cursor, _change: object) -> None:
    """Tell nobody."""
