"""The query parameters of the feed: includes, filters and pages, checked as it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlencode

from .render import INCLUDES
from .replies import Refusal

T = TypeVar("T")
Params = Mapping[str, str]

USUAL_PER_PAGE, MOST_PER_PAGE = 25, 50


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; `number` counts from 1."""

    number: int
    size: int

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """The items on this page."""
        return items[(self.number - 1) * self.size : self.number * self.size]

    def as_json(self, items: Sequence[object], url: str, params: Params) -> dict[str, Any]:
        """The `pagination` block of an answer with this page of *items*."""
        more = self.number * self.size < len(items)
        following = {**params, "page": str(self.number + 1)}
        following.pop("api_token", None)  # a link may be logged
        return {
            "count": len(self.of(items)),
            "per_page": self.size,
            "current_page": self.number,
            "next_page": f"{url}?{urlencode(following)}" if more else None,
            "next_cursor": None,
            "has_more": more,
        }


def includes(params: Params) -> frozenset[str]:
    """The includes asked for. Raises: Refusal for one the server does not have."""
    asked = frozenset(name for name in params.get("include", "").split(";") if name)
    unknown = sorted(asked - INCLUDES.keys())
    if unknown:
        raise Refusal(404, f"The requested include '{unknown[0]}' does not exist.", 5001)
    return asked


def leagues(params: Params) -> frozenset[int] | None:
    """The leagues of `filters=fixtureLeagues:8,9`; None for all. Raises: Refusal."""
    found: frozenset[int] | None = None
    for clause in filter(None, params.get("filters", "").split(";")):
        name, _, values = clause.partition(":")
        if name != "fixtureLeagues":
            raise Refusal(400, f"The filter '{name}' is not applicable to this endpoint.", 5010)
        found = frozenset(whole_number("filters", value) for value in values.split(","))
    return found


def page(params: Params) -> Page:
    """The page asked for, by default the first with 25. Raises: Refusal."""
    number = whole_number("page", params.get("page", "1"))
    size = whole_number("per_page", params.get("per_page", str(USUAL_PER_PAGE)))
    if number < 1 or size < 1:
        raise Refusal(400, "The parameters 'page' and 'per_page' start at 1.", 5006)
    if size > MOST_PER_PAGE:
        raise Refusal(400, f"The maximum for 'per_page' is {MOST_PER_PAGE}.", 5003)
    return Page(number, size)


def whole_number(name: str, text: str) -> int:
    """*text* as a number of up to 18 digits. Raises: Refusal naming the parameter."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Refusal(400, f"The parameter '{name}' must be a whole number.", 5006)
    return int(text)


def day(text: str) -> date:
    """*text* as a date such as 2026-10-24. Raises: Refusal."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refusal(400, f"'{text}' is not a date (YYYY-MM-DD).", 5006) from None
