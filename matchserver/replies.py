"""The bodies every answer of the feed is wrapped in, and its refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from .quota import Allowance

Json = dict[str, Any]

DOCS = "https://docs.sportmonks.com/football"
NOTHING_FOUND = (
    "No result(s) found matching your request. Either the query did not return any results "
    "or you don't have access to it via your current subscription."
)
SUBSCRIPTION = [
    {
        "meta": {"trial_ends_at": None, "ends_at": None},
        "plans": [{"plan": "Simulated", "sport": "Football", "category": "Standard"}],
        "add_ons": [],
        "widgets": [],
    }
]


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Refusal(Exception):
    """The feed will not answer a request: HTTP status, message and the feed's own code."""

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def json_reply(content: object, status: int = 200) -> Reply:
    """*content* as an answer."""
    return Reply(status, msgspec.json.encode(content))


def data_reply(data: object, allowance: Allowance, pagination: Json | None = None) -> Reply:
    """*data* in the feed's envelope; without any, the 200 that only says so."""
    if data == []:
        return json_reply({"message": NOTHING_FOUND} | _account(allowance))
    page = {} if pagination is None else {"pagination": pagination}
    return json_reply({"data": data} | page | _account(allowance))


def refusal_reply(refusal: Refusal, allowance: Allowance | None = None) -> Reply:
    """The body of a refusal; one for lack of quota says when there is more."""
    body: Json = {"message": refusal.message}
    if refusal.code is not None:
        body |= {"link": DOCS, "code": refusal.code}
    if allowance is not None:
        body["rate_limit"] = allowance.as_json()
    return json_reply(body, refusal.status)


def too_many_requests() -> Refusal:
    """The refusal of a request beyond the plan's budget."""
    return Refusal(429, "You have reached the rate limit of your plan for this entity.", 5005)


def _account(allowance: Allowance) -> Json:
    return {
        "subscription": SUBSCRIPTION,
        "rate_limit": allowance.as_json(),
        "timezone": "UTC",
    }
