"""One trader: what they do with shares and positions, and what they were told of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import gevent

from .wire import Line, Said

PAUSE_S = 20.0  #: real seconds between two things a trader does, on average
MOST_OPEN = 6


@dataclass
class Told:
    """What all traders together were promised, and what they were refused."""

    trades: dict[str, str] = field(default_factory=dict)  #: order id by (user's) key
    events: set[str] = field(default_factory=set)  #: ids of events of positions
    pending: set[str] = field(default_factory=set)  #: ids of orders that were to wait
    refused: Counter[str] = field(default_factory=Counter)
    strange: list[tuple[str, Said]] = field(default_factory=list)  #: answers nobody should get


@dataclass
class Prices:
    """The clubs as last listed; traders look at them as at a screen."""

    line: Line
    clubs: list[dict[str, Any]] = field(default_factory=list)
    before: dict[int, Decimal] = field(default_factory=dict)

    def watch(self) -> None:
        """Read the list once a second, for ever."""
        while True:
            listed = self.line.ask("GET", "/v1/instruments?limit=200").body["data"]
            self.before = {club["idx"]: Decimal(club["mid"]) for club in self.clubs}
            self.clubs = listed
            gevent.sleep(1.0)


class Trader:
    """A signed-in user; `mood` says which way they trade."""

    def __init__(self, name: str, mood: str, line: Line, prices: Prices, told: Told, seed: int):
        self.name, self._mood = name, mood
        self._line, self._prices, self._told = line, prices, told
        self._random = Random(seed)
        self._asked = 0
        self._held: dict[int, Decimal] = {}
        self._open: dict[str, dict[str, Any]] = {}
        self._token = ""

    def live(self) -> None:
        """Sign in and trade, for ever."""
        gevent.sleep(self._random.uniform(0, PAUSE_S))
        self._sign_in()
        while True:
            if self._prices.clubs:
                self._random.choice(self._doings())()
            gevent.sleep(self._random.expovariate(1 / PAUSE_S))

    def _doings(self) -> list[Any]:
        some = [self._buy, self._look]
        if len(self._open) < MOST_OPEN:
            some += [self._open_one] * 4
        if self._held:
            some.append(self._sell)
        if self._open:
            some += [self._close_one, self._restop, self._remargin]
        return some

    # -- shares

    def _buy(self) -> None:
        club = self._club()
        said = self._post(
            "/v1/orders",
            {"instrument": club["idx"], "side": "buy", "quantity": self._quantity(2)},
        )
        self._note_order(said, 1)

    def _sell(self) -> None:
        idx, held = self._random.choice(list(self._held.items()))
        quantity = f"{held / self._random.choice([1, 2, 3]):.3f}"
        if Decimal(quantity) > 0:
            body = {"instrument": idx, "side": "sell", "quantity": quantity}
            self._note_order(self._post("/v1/orders", body), -1)

    def _note_order(self, said: Said, sign: int) -> None:
        if said.status == 201:
            idx = said.body["instrument"]
            self._told.trades[self._key] = said.body["order_id"]
            self._held[idx] = Decimal(said.body["position_after"])
            if not self._held[idx]:
                del self._held[idx]
        elif said.status == 202:
            self._told.pending.add(said.body["order_id"])

    # -- positions

    def _open_one(self) -> None:
        club = self._club()
        long = self._is_up(club)
        px, up = Decimal(club["mid"]), 1 if long else -1
        body: dict[str, object] = {
            "instrument": club["idx"],
            "side": "long" if long else "short",
            "quantity": self._quantity(3),
            "leverage": self._random.choice([1, 2, 5, 5, 10]),
        }
        if self._random.random() < 0.6:
            body["stop_loss"] = {"price": _at(px, -up * self._random.uniform(0.005, 0.04))}
        if self._random.random() < 0.5:
            body["take_profit"] = {"price": _at(px, up * self._random.uniform(0.005, 0.04))}
        if self._random.random() < 0.3:
            body["trailing_stop"] = {"distance": f"{self._random.uniform(1.3, 4):.2f}"}
        said = self._post("/v1/positions", body)
        if said.status == 201:
            self._took(said)

    def _close_one(self) -> None:
        position = self._any()
        body = {}
        if self._random.random() < 0.4:
            body["quantity"] = f"{Decimal(position['quantity']) / 2:.3f}"
        said = self._post(f"/v1/positions/{position['position_id']}/close", body)
        self._after(position, said)

    def _remargin(self) -> None:
        position = self._any()
        amount = f"{self._random.choice([5, 20, 50, -5])}.00"
        path = f"/v1/positions/{position['position_id']}/margin"
        self._after(position, self._post(path, {"amount": amount}))

    def _restop(self) -> None:
        position = self._any()
        px = Decimal(
            next(c for c in self._prices.clubs if c["idx"] == position["instrument"])["mid"]
        )
        up = 1 if position["side"] == "long" else -1
        body: dict[str, object] = {
            "stop_loss": {"price": _at(px, -up * self._random.uniform(0.005, 0.03))},
            "take_profit": self._random.choice(
                [None, {"price": _at(px, up * self._random.uniform(0.01, 0.04))}]
            ),
        }
        said = self._ask(
            "PATCH",
            f"/v1/positions/{position['position_id']}",
            body,
            If_Match=f'W/"{position["version"]}"',
        )
        self._after(position, said)

    def _after(self, position: dict[str, Any], said: Said) -> None:
        if said.status == 200:
            self._took(said)
        elif said.status == 202:
            self._told.pending.add(said.body["order_id"])
        elif said.status in (404, 409, 412):
            self._learn(position)

    def _learn(self, position: dict[str, Any]) -> None:
        said = self._ask("GET", f"/v1/positions/{position['position_id']}")
        if said.status == 200 and said.body["status"] == "open":
            self._open[said.body["position_id"]] = said.body
        else:
            self._open.pop(position["position_id"], None)

    def _took(self, said: Said) -> None:
        event, position = said.body["event"], said.body["position"]
        self._told.events.add(event["event_id"])
        if position["status"] == "open":
            self._open[position["position_id"]] = position
        else:
            self._open.pop(position["position_id"], None)

    # -- reading, and how requests are made

    def _look(self) -> None:
        said = self._ask("GET", "/v1/portfolio")
        if said.status == 200:
            self._open = {p["position_id"]: p for p in said.body["positions"]}

    def _club(self) -> dict[str, Any]:
        return self._random.choice(self._prices.clubs)

    def _is_up(self, club: dict[str, Any]) -> bool:
        now, before = Decimal(club["mid"]), self._prices.before.get(club["idx"])
        if before is None or now == before or self._mood == "noise":
            return self._random.random() < 0.5
        return (now > before) == (self._mood == "momentum")

    def _any(self) -> dict[str, Any]:
        return self._random.choice(list(self._open.values()))

    def _quantity(self, most: float) -> str:
        return f"{self._random.uniform(0.01, most):.3f}"

    def _sign_in(self) -> None:
        email = f"{self.name}@example.com"
        self._token = self._line.ask("POST", "/v1/auth/dev-login", {"email": email}).body[
            "access_token"
        ]

    def _post(self, path: str, body: object) -> Said:
        self._asked += 1
        return self._ask("POST", path, body, Idempotency_Key=self._key)

    def _ask(self, method: str, path: str, body: object = None, **headers: str) -> Said:
        while True:
            bearer = f"Bearer {self._token}"
            said = self._line.ask(method, path, body, Authorization=bearer, **headers)
            if said.status != 401:
                break
            self._sign_in()
        if said.status >= 400:
            self._told.refused[said.body["code"]] += 1
        if said.status >= 500 or said.status in (400, 403):
            self._told.strange.append((f"{method} {path} {body}", said))
        return said

    @property
    def _key(self) -> str:
        return f"{self.name}-{self._asked}"


def _at(px: Decimal, by: float) -> str:
    return f"{px * (1 + Decimal(by)):.2f}"
