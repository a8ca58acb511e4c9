"""One trader: what they do with shares and positions, and what they were told of it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import gevent

from .wire import Line, Said

PAUSE_S = 20.0  #: real seconds between two things a trader does, on average
MOST_OPEN = 6
HERD_S = 40.0  #: real seconds for which a herd runs one way, until it turns or runs on
STOPS = ("stop_loss", "take_profit", "trailing_stop")
SPREADS = (2.1, 8.0)  #: how far stops are set from the quote; in play two is the least


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
    in_play: int = 0  #: most clubs that were seen in play at once

    def watch(self) -> None:
        """Read the list once a second, for ever."""
        while True:
            listed = self.line.ask("GET", "/v1/instruments?limit=200").body["data"]
            self.before = {club["idx"]: Decimal(club["mid"]) for club in self.clubs}
            self.clubs = listed
            playing = [club for club in listed if club["phase"] in ("live", "break")]
            self.in_play = max(self.in_play, len(playing))
            gevent.sleep(1.0)


class Trader:
    """A signed-in user; `mood` says which way they trade.

    Args:
        pause_s: real seconds between two things they do, on average.
        size: how much they trade at a time, beside the traders of the hour.
    """

    def __init__(
        self,
        name: str,
        mood: str,
        line: Line,
        prices: Prices,
        told: Told,
        seed: int,
        *,
        pause_s: float = PAUSE_S,
        size: float = 1.0,
    ):
        self.name, self._mood = name, mood
        self._line, self._prices, self._told = line, prices, told
        self._random = Random(seed)
        self._pause_s, self._size = pause_s, size
        self._asked = 0
        self._held: dict[int, Decimal] = {}
        self._open: dict[str, dict[str, Any]] = {}
        self._token = ""

    def live(self) -> None:
        """Sign in and trade, for ever."""
        gevent.sleep(self._random.uniform(0, self._pause_s))
        self._sign_in()
        while True:
            if self._prices.clubs:
                self._random.choice(self._doings())()
            gevent.sleep(self._random.expovariate(1 / self._pause_s))

    def _doings(self) -> list[Any]:
        some = [self._buy, self._look, self._basket]
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
            {"instrument": club["idx"], "side": "buy", "quantity": self._quantity(4)},
        )
        self._note_order(said.status, said.body, self._key)

    def _basket(self) -> None:
        """Some purchases in one request, which is repeated until each has an outcome."""
        self._asked += 1
        orders = [
            {
                "idempotency_key": f"{self._key}-{n}",
                "instrument": self._club()["idx"],
                "side": "buy",
                "quantity": self._quantity(1),
            }
            for n in range(self._random.randint(2, 5))
        ]
        while True:
            said = self._ask("POST", "/v1/orders/batch", {"orders": orders})
            results = said.body["results"] if said.status == 200 else []
            if all(result["status"] != 503 for result in results):
                break
            gevent.sleep(1)
        for order, result in zip(orders, results, strict=False):
            if "problem" in result:
                self._told.refused[result["problem"]["code"]] += 1
            else:
                self._note_order(result["status"], result["order"], order["idempotency_key"])

    def _sell(self) -> None:
        idx, held = self._random.choice(list(self._held.items()))
        quantity = f"{held / self._random.choice([1, 2, 3]):.3f}"
        if Decimal(quantity) > 0:
            body = {"instrument": idx, "side": "sell", "quantity": quantity}
            said = self._post("/v1/orders", body)
            self._note_order(said.status, said.body, self._key)

    def _note_order(self, status: int, order: dict[str, Any], key: str) -> None:
        if status == 201:
            idx = order["instrument"]
            self._told.trades[key] = order["order_id"]
            self._held[idx] = Decimal(order["position_after"])
            if not self._held[idx]:
                del self._held[idx]
        elif status == 202:
            self._told.pending.add(order["order_id"])

    # -- positions

    def _open_one(self) -> None:
        club = self._club()
        long = self._is_up(club)
        body: dict[str, object] = {
            "instrument": club["idx"],
            "side": "long" if long else "short",
            "quantity": self._quantity(12),
            "leverage": self._random.choice([1, 2, 5, 10, 10]),
            **self._stops(club, 1 if long else -1),
        }
        said = self._post("/v1/positions", body)
        if said.status == 422 and said.body["code"] == "LEVERAGE_INVALID":
            said = self._post("/v1/positions", body | {"leverage": int(said.body["limit"])})
        if said.status == 201:
            self._took(said)
        elif said.status == 202:
            self._told.pending.add(said.body["order_id"])

    def _stops(self, club: dict[str, Any], up: int) -> dict[str, object]:
        """Stops as close as they may be, or a little further, at what it would be closed for."""
        bid, ask = Decimal(club["bid"]), Decimal(club["ask"])
        quote, stops = bid if up == 1 else ask, dict[str, object]()
        if self._random.random() < 0.6:
            stops["stop_loss"] = {"price": f"{quote - up * self._away(bid, ask):.2f}"}
        if self._random.random() < 0.5:
            stops["take_profit"] = {"price": f"{quote + up * self._away(bid, ask):.2f}"}
        if self._random.random() < 0.3:
            stops["trailing_stop"] = {"distance": f"{self._away(bid, ask):.2f}"}
        return stops

    def _away(self, bid: Decimal, ask: Decimal) -> Decimal:
        return (ask - bid) * Decimal(self._random.uniform(*SPREADS))

    def _close_one(self) -> None:
        position = self._any()
        body = {}
        half = f"{Decimal(position['quantity']) / 2:.3f}"
        if self._random.random() < 0.4 and Decimal(half) > 0:
            body["quantity"] = half
        said = self._post(f"/v1/positions/{position['position_id']}/close", body)
        self._after(position, said)

    def _remargin(self) -> None:
        position = self._any()
        amount = f"{self._random.choice([5, 20, 50, -5])}.00"
        path = f"/v1/positions/{position['position_id']}/margin"
        self._after(position, self._post(path, {"amount": amount}))

    def _restop(self) -> None:
        position = self._any()
        club = next(c for c in self._prices.clubs if c["idx"] == position["instrument"])
        stops = self._stops(club, 1 if position["side"] == "long" else -1)
        # Some pull a stop: what they do not name stays, what is null goes.
        body = stops | dict.fromkeys(self._random.sample(STOPS, self._random.randint(0, 2)))
        if not body:
            return
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
        if self._mood == "herd":
            # Everybody's herd at this club runs one way, and all of a sudden the other.
            return Random(f"{club['idx']}/{int(time.monotonic() / HERD_S)}").random() < 0.5
        now, before = Decimal(club["mid"]), self._prices.before.get(club["idx"])
        if before is None or now == before or self._mood == "noise":
            return self._random.random() < 0.5
        return (now > before) == (self._mood == "momentum")

    def _any(self) -> dict[str, Any]:
        return self._random.choice(list(self._open.values()))

    def _quantity(self, most: float) -> str:
        return f"{self._random.uniform(0.01, most * self._size):.3f}"

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
