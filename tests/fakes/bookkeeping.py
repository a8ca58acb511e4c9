"""A market on real servers, both of them: commands through the scripts, rows through the drain."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple
from itertools import count
from typing import Any

import redis as redis_module
from touchline.domain.ids import uuid7
from touchline.domain.instrument import new_instrument
from touchline.domain.opening import OpenOrder
from touchline.domain.positions import NO_STOPS, Direction, Position, Stops
from touchline.domain.trading import Side
from touchline.store.drain import Drain, open_drain
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.layouts import POSITIONS
from touchline.store.position_commands import (
    CloseCommand,
    Happened,
    MarginCommand,
    OpenCommand,
    PositionKey,
    PositionOutcome,
    StopsCommand,
)
from touchline.store.position_hashes import position_of
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

    def number(self) -> int:
        """One that nobody has been given; the calendar goes by it."""
        return next(self._numbers)

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
        number = self.number()
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

    def open_command(
        self,
        user: int = 1,
        idx: int = 7,
        side: str = "long",
        qty: int = 1000,
        stops: Stops = NO_STOPS,
    ) -> OpenCommand:
        """A position of its own with leverage 5."""
        number = self.number()
        order = OpenOrder(
            position_id=uuid7(AT_MS + number),
            user=user,
            idx=idx,
            side=Direction(side),
            qty=qty,
            leverage=5,
            stops=stops,
        )
        key, fingerprint = f"key-{number}", f"{user}{idx}{side}{qty}"
        return OpenCommand(order, key, fingerprint, f"order-{number}", AT_MS + number)

    def open(
        self,
        user: int = 1,
        idx: int = 7,
        side: str = "long",
        qty: int = 1000,
        stops: Stops = NO_STOPS,
    ) -> Position:
        """A position opened; it must go through."""
        return self.happened(self.open_command(user, idx, side, qty, stops))

    def close(self, position: Position, qty: int | None = None) -> Position:
        """What is left of *position* after a close; it must go through."""
        return self.happened(self.close_command(position, qty))

    def close_command(self, position: Position, qty: int | None = None) -> CloseCommand:
        """A close of *qty*, or of all."""
        number = self.number()
        where, event = _key(position), uuid7(AT_MS + number)
        return CloseCommand(event, where, qty, None, None, f"key-{number}", "f", AT_MS + number)

    def restop(self, position: Position, stop_loss_px: int | None) -> Position:
        """*position* with another stop-loss; it must go through."""
        number = self.number()
        event, version = uuid7(AT_MS + number), position.number
        return self.happened(
            StopsCommand(
                event, _key(position), version, stop_loss_px, None, None, now_ms=AT_MS + number
            )
        )

    def remargin(self, position: Position, amount_e4: int) -> Position:
        """*position* with more margin; it must go through."""
        number = self.number()
        event, where = uuid7(AT_MS + number), _key(position)
        return self.happened(
            MarginCommand(event, where, amount_e4, f"key-{number}", "f", AT_MS + number)
        )

    def happened(
        self, command: OpenCommand | CloseCommand | StopsCommand | MarginCommand
    ) -> Position:
        """The position after *command*, which must go through."""
        outcome: PositionOutcome = self.scripts.execute([command])[0]
        assert isinstance(outcome, Happened), outcome
        return outcome.event.position

    def some_positions(self) -> list[Position]:
        """Everybody goes long and short, changes stops and margin, and closes some."""
        longs = [self.open(user, 7) for user in self.users]
        shorts = [self.open(user, 8, "short", 700) for user in self.users]
        part = self.close(longs[0], 333)
        stopped = self.restop(longs[1], longs[1].liquidation_px)
        safer = self.remargin(shorts[0], 100_000)
        ended = [self.close(longs[2]), self.close(self.close(shorts[1], 1))]
        return [part, stopped, safer, *ended, shorts[2]]

    def positions(self) -> list[Position]:
        """All positions Redis has, by their ids."""
        keys = sorted(self.redis.scan_iter(self.keys.pos("*")))
        return [position_of(self.redis.hgetall(key)) for key in keys]

    def drain(self) -> Drain:
        """The way to Postgres."""
        return open_drain(self.redis, self.keys, self.scripts, self.pg)

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """What Postgres answers."""
        with self.pg.transaction() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall()) if cursor.description else []

    def differences(self) -> list[str]:
        """Every state whose row is not what Redis says, in words."""
        return [f"{what}: {ours} but {row}" for what, ours, row in self._pairs() if row != [ours]]

    def _pairs(self) -> Iterator[tuple[str, object, list[Any]]]:
        """Every state: its name, the columns Redis has, and the rows."""
        for user in (0, *self.users):
            wallet = self.hot.wallet(user)
            query = "SELECT cash_e4, locked_e4, version FROM wallets WHERE user_id = %s"
            ours = (wallet.cash_e4, wallet.locked_e4, wallet.version)
            yield f"wallet {user}", ours, self.rows(query, (user,))
            query = "SELECT qty, cost_e4, version FROM holdings WHERE user_id = %s AND idx = %s"
            for idx, holding in self.hot.holdings(user).items():
                yield f"holding {user}:{idx}", astuple(holding), self.rows(query, (user, idx))
        query = "SELECT inventory, short_interest, index_px, version FROM instruments"
        for club in self.hot.instruments():
            told = (club.inventory, club.short_interest, club.index_px, club.version)
            yield f"club {club.idx}", told, self.rows(f"{query} WHERE idx = %s", (club.idx,))
        for position in self.positions():
            rows = self.rows(f"{POSITIONS.select()} WHERE id = %s", (position.id,))
            told = [position_of(POSITIONS.fields(row)) for row in rows]
            yield f"position {position.id}", position, told


def _key(position: Position) -> PositionKey:
    return PositionKey(position.id, position.user, position.idx)
