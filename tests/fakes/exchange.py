"""The market over one Redis, with shortcuts to arrange it and the proofs it must pass."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import redis
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.opening import OpenOrder
from touchline.domain.portfolio import Wallet
from touchline.domain.positions import Direction, Position
from touchline.domain.trading import Side
from touchline.store.commands import (
    ADJUSTMENT,
    Command,
    CreditCommand,
    CreditOutcome,
    Outcome,
    TradeCommand,
)
from touchline.store.hashes import wallet_hash
from touchline.store.hot import Hot
from touchline.store.keys import Keys, OutboxName
from touchline.store.position_commands import OpenCommand
from touchline.store.position_hashes import position_of
from touchline.store.scripts import Scripts

from tests.fakes.facts import facts_in
from tests.fakes.proof import Proof, moved

TAG = "{m}"
LEASE = "{m}lease:scheduler"
OWNER = "the scheduler"
ARS = InstrumentIdx(1)
EVE = InstrumentIdx(2)
ANN = UserId(5)
BOB = UserId(6)


def wallet_fields(wallet: Wallet) -> dict[str, str]:
    """All fields of ``wallet:{uid}``, also those that follow from waiting orders."""
    aside = {"rsv": str(wallet.reserved_e4), "rpos": str(wallet.reserved_positions)}
    return wallet_hash(wallet) | aside


class Exchange:
    """Stores on an empty *client*; the feed's lease is held by `OWNER`."""

    def __init__(self, client: redis.Redis) -> None:
        self.client: Any = client
        self.keys = Keys(TAG)
        self.scripts = Scripts(client, self.keys)
        self.hot = Hot(client, self.keys)
        self._numbers = count(1)
        client.set(LEASE, OWNER)

    def list(self, *instruments: Instrument) -> None:
        """Open markets; ARS and EVE with standard limits if none are given."""
        for instrument in instruments or (
            new_instrument(ARS, "ARS", "Arsenal"),
            new_instrument(EVE, "EVE", "Everton"),
        ):
            assert self.hot.create_instrument(instrument)

    def fund(self, user: UserId, amount_e4: int = 100_000_000) -> CreditOutcome:
        """Give *user* money, 10,000.0000 unless told otherwise."""
        return self.scripts.wallet_credit(
            CreditCommand(self.new_id(), user, "grant", amount_e4, f"fund:{self.new_id()}", "", 1)
        )

    def adjust(self, user: UserId, amount_e4: int) -> CreditOutcome:
        """Give *user* money, or take it back if negative, as an admin does."""
        return self.scripts.wallet_credit(
            CreditCommand(
                self.new_id(), user, ADJUSTMENT, amount_e4, f"audit:{self.new_id()}", "", 1
            )
        )

    def order(self, side: Side, qty: int, **changes: Any) -> Outcome:
        """Ann's order in ARS at 2,000 ms under a fresh key, with *changes* to that."""
        return self.scripts.execute([self.command(side, qty, **changes)])[0]

    def command(self, side: Side, qty: int, **changes: Any) -> TradeCommand:
        """The command that `order` sends."""
        fields: dict[str, Any] = {
            "trade_id": self.new_id(),
            "user": ANN,
            "idx": ARS,
            "side": side,
            "qty": qty,
            "bound_px": None,
            "idem_key": self.new_id(),
            "fingerprint": "fp",
            "client_order_id": None,
            "now_ms": 2_000,
        }
        return TradeCommand(**fields | changes)

    def run(self, command: Command) -> Any:
        """The outcome of *command*."""
        return self.scripts.execute([command])[0]

    def open(self, side: Direction, qty: int, **changes: Any) -> Any:
        """Ann's position in ARS at 2,000 ms, leverage 5, under a fresh key, with *changes*."""
        order = {
            "position_id": self.new_id(),
            "user": ANN,
            "idx": ARS,
            "side": side,
            "qty": qty,
            "leverage": 5,
        }
        command = {
            "idem_key": self.new_id(),
            "fingerprint": "fp",
            "client_order_id": None,
            "now_ms": 2_000,
            "delay_ms": 0,
            "paused": False,
        }
        for name, value in changes.items():
            (command if name in command else order)[name] = value
        return self.run(OpenCommand(order=OpenOrder(**order), **command))

    def position(self, position_id: str) -> Position:
        """The position as Redis has it."""
        return position_of(self.client.hgetall(self.keys.pos(position_id)))

    def positions(self) -> list[Position]:
        """All positions there are."""
        return [
            position_of(self.client.hgetall(key))
            for key in self.client.scan_iter(self.keys.pos("*"))
        ]

    def new_id(self) -> str:
        """An id not used before in this exchange."""
        return f"id-{next(self._numbers)}"

    def entries(self) -> list[Mapping[str, str]]:
        """All facts of both streams that moved money or shares, in the order they happened."""
        streams = map(self.keys.outbox, OutboxName)
        return moved(fact for stream in streams for fact in facts_in(self.client, stream))

    def dump(self) -> dict[str, Any]:
        """Everything stored, for proving that nothing changed; three round trips, however much."""
        keys = self.client.keys()
        types, values = (self.client.pipeline(transaction=False) for _ in range(2))
        for key in keys:
            types.type(key)
        readers = {
            "hash": values.hgetall,
            "list": lambda key: values.lrange(key, 0, -1),
            "set": values.smembers,
            "stream": values.xrange,
            "string": values.get,
            "zset": lambda key: values.zrange(key, 0, -1, withscores=True),
        }
        for key, kind in zip(keys, types.execute(), strict=True):
            readers[kind](key)
        return dict(zip(keys, values.execute(), strict=True))

    def prove(self) -> None:
        """Money is conserved, every share is accounted for, nothing is negative, facts add up."""
        Proof(self.keys, self.dump()).prove()
