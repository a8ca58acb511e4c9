"""A market on real servers, both of them: trades through the scripts, rows through the drain."""

from collections.abc import Sequence
from itertools import count

import redis as redis_module
from touchline.domain.ids import uuid7
from touchline.domain.instrument import new_instrument
from touchline.domain.trading import Side
from touchline.store.drain import Drain, open_drain
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.postgres import Postgres
from touchline.store.scripts import (
    CreditCommand,
    Filled,
    Outcome,
    Scripts,
    TradeCommand,
)

from tests.fakes.facts import AT_MS, add_instruments, add_users

START_E4 = 100_000_000  #: 10,000.0000, what everybody gets


class Books:
    """Users 1 to 3 with money and clubs 7 and 8; nothing is in Postgres yet but their rows."""

    def __init__(self, redis: redis_module.Redis, pg: Postgres, tag: str = "") -> None:
        self.redis, self.pg, self.keys = redis, pg, Keys(tag)
        self.hot, self.scripts = Hot(redis, self.keys), Scripts(redis, self.keys)
        self.users, self.clubs = (1, 2, 3), (7, 8)
        self._numbers = count(1)
        add_users(pg, *self.users)
        add_instruments(pg, *self.clubs)
        for idx in self.clubs:
            self.hot.create_instrument(new_instrument(idx, f"CLUB{idx}", f"Club {idx}"))
        for user in self.users:
            self.grant(user)

    def grant(self, user: int) -> None:
        """The start balance."""
        self.scripts.wallet_credit(
            CreditCommand(
                uuid7(AT_MS), user, "grant", START_E4, f"welcome:{user}", "start balance", AT_MS
            )
        )

    def command(
        self, user: int = 1, idx: int = 7, side: str = "buy", qty: int = 1000, key: str = ""
    ) -> TradeCommand:
        """An order of its own, or the one under *key*."""
        number = next(self._numbers)
        return TradeCommand(
            trade_id=uuid7(AT_MS + number),
            user=user,
            idx=idx,
            side=Side(side),
            qty=qty,
            bound_px=None,
            idem_key=key or f"key-{number}",
            fingerprint=f"{user}{idx}{side}{qty}",
            client_order_id=f"order-{number}",
            now_ms=AT_MS + number,
        )

    def trade(
        self, user: int = 1, idx: int = 7, side: str = "buy", qty: int = 1000, key: str = ""
    ) -> Outcome:
        """One order carried out."""
        return self.scripts.execute([self.command(user, idx, side, qty, key)])[0]

    def some_trades(self) -> list[Filled]:
        """Everybody buys of both clubs and sells some; each must go through."""
        outcomes = [self.trade(user, idx) for user in self.users for idx in self.clubs]
        outcomes += [self.trade(user, 7, "sell", 400) for user in self.users]
        assert all(isinstance(outcome, Filled) for outcome in outcomes)
        return outcomes

    def drain(self) -> Drain:
        """The way to Postgres."""
        return open_drain(self.redis, self.keys, self.scripts, self.pg)

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """What Postgres answers."""
        with self.pg.transaction() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall()) if cursor.description else []

    def differences(self) -> list[str]:
        """Every wallet, holding and instrument whose row is not what Redis says, in words."""
        found = []
        for user in (0, *self.users):
            wallet = self.hot.wallet(user)
            row = self.rows(
                "SELECT cash_e4, locked_e4, version FROM wallets WHERE user_id = %s", (user,)
            )
            if row != [(wallet.cash_e4, wallet.locked_e4, wallet.version)]:
                found.append(f"wallet {user}: {wallet} but {row}")
            for idx, holding in self.hot.holdings(user).items():
                row = self.rows(
                    "SELECT qty, cost_e4, version FROM holdings WHERE user_id = %s AND idx = %s",
                    (user, idx),
                )
                if row != [(holding.qty, holding.cost_e4, holding.version)]:
                    found.append(f"holding {user}:{idx}: {holding} but {row}")
        for club in self.hot.instruments():
            row = self.rows(
                "SELECT inventory, index_px, version FROM instruments WHERE idx = %s", (club.idx,)
            )
            if row != [(club.inventory, club.index_px, club.version)]:
                found.append(f"instrument {club.idx}: {club} but {row}")
        return found
