"""What traders were promised: every acknowledgement, and every request whose outcome is open."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.hour.wire import Said

FILLED, DONE = 201, 200


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of *user*, which may be sent as often as it takes; its key is in *headers*."""

    user: int
    method: str
    path: str
    body: Any
    headers: Mapping[str, str]

    @property
    def key(self) -> str:
        """Of a request that has one of its own; a basket's are in its orders."""
        return self.headers.get("Idempotency_Key", "")


@dataclass(frozen=True, slots=True)
class Promise:
    """A fact as its owner was told of it.

    Args:
        key: the owner's own; empty for a change of stops, which has none.
        cash_e4: what it did to free cash, by the answer's own figures.
        locked_e4: and to the margin that is reserved.
        durable: the best level that was promised, "postgres" or "redis".
        at_s: when it was first promised.
    """

    fact: str
    user: int
    key: str
    cash_e4: int
    locked_e4: int
    durable: str
    at_s: float


@dataclass
class Promises:
    """All of them, of all traders."""

    now_s: Callable[[], float] = time.monotonic
    facts: dict[str, Promise] = field(default_factory=dict)  #: by id of the fact
    #: Requests that are under way, or were refused after a try that nobody answered.
    open: dict[int, Asked] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)  #: answers that differ under one key
    _by_key: dict[tuple[int, str], Promise] = field(default_factory=dict)

    def begin(self, asked: Asked) -> None:
        """Note that *asked* is sent, which may be carried out from now on."""
        self.open[id(asked)] = asked

    def end(self, asked: Asked, said: Said, *, doubtful: bool) -> None:
        """Note the answer to *asked*.

        Args:
            doubtful: there were tries that nobody answered: they may be carried out yet.
        """
        told = list(_told(asked, said, self.now_s()))
        for promise in told:
            self._note(promise)
        wanted = len(asked.body["orders"]) if _is_basket(asked) else 1
        if not doubtful or len(told) == wanted:
            del self.open[id(asked)]

    def _note(self, promise: Promise) -> None:
        name = (promise.user, promise.key or promise.fact)
        before = self._by_key.get(name)
        if before is None:
            self.facts[promise.fact] = self._by_key[name] = promise
            return
        same = replace(promise, durable=before.durable, at_s=before.at_s)
        if same != before:
            self.contradictions.append(f"{before}, then {promise}")
        elif promise.durable == "postgres":
            self.facts[promise.fact] = self._by_key[name] = replace(before, durable="postgres")


def _told(asked: Asked, said: Said, at_s: float) -> Iterator[Promise]:
    """The facts that *said* acknowledges."""
    if _is_basket(asked):
        results = said.body["results"] if said.status == DONE else ()
        for order, result in zip(asked.body["orders"], results, strict=False):
            if result["status"] == FILLED:
                yield _trade(asked.user, order["idempotency_key"], result["order"], at_s)
    elif said.status in (FILLED, DONE):
        make = _event if "event" in said.body else _trade
        yield make(asked.user, asked.key, said.body, at_s)


def _trade(user: int, key: str, fill: Mapping[str, Any], at_s: float) -> Promise:
    value, fee = money(fill["value"]), money(fill["fee"])
    cash = -value - fee if fill["side"] == "buy" else value - fee
    return Promise(fill["order_id"], user, key, cash, 0, fill["durable"], at_s)


def _event(user: int, key: str, body: Mapping[str, Any], at_s: float) -> Promise:
    event = body["event"]
    margin, fee, gained = money(event["margin"]), money(event["fee"]), event.get("pnl", "0")
    cash = money(gained) - fee - margin
    return Promise(event["event_id"], user, key, cash, margin, body["durable"], at_s)


def money(text: str) -> int:
    """An amount as clients see it, in 1e-4 coin."""
    return int(Decimal(text).scaleb(4))


def _is_basket(asked: Asked) -> bool:
    return asked.path == "/v1/orders/batch"
