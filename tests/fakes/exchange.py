"""The market over one Redis, with shortcuts to arrange it and the proofs it must pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import count
from typing import Any

import redis
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.opening import OpenOrder
from touchline.domain.portfolio import Wallet
from touchline.domain.positions import Direction, Position, levels
from touchline.domain.trading import Side
from touchline.store.commands import Command, CreditCommand, CreditOutcome, Outcome, TradeCommand
from touchline.store.hashes import holdings_of, wallet_hash, wallet_of
from touchline.store.hot import Hot
from touchline.store.keys import Keys, OutboxName
from touchline.store.position_commands import OpenCommand
from touchline.store.position_hashes import position_of
from touchline.store.scripts import Scripts

from tests.fakes.facts import facts_in

TAG = "{m}"
LEASE = "{m}lease:scheduler"
OWNER = "the scheduler"
ARS = InstrumentIdx(1)
EVE = InstrumentIdx(2)
ANN = UserId(5)
BOB = UserId(6)


def filed_at(keys: Keys, position: Position) -> dict[str, float]:
    """Where an open position is to be found, by key, and its score there."""
    at = levels(position)
    bid_low, bid_high, ask_low, ask_high, mark_low, mark_high = keys.trig(position.idx)
    if position.side is Direction.LONG:
        wanted = {bid_low: at.stop, bid_high: at.gain, mark_low: at.loss, mark_high: at.relief}
    else:
        wanted = {ask_high: at.stop, ask_low: at.gain, mark_high: at.loss, mark_low: at.relief}
    return {key: float(px) for key, px in wanted.items() if px is not None}


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
        moved = (fields for fields in self._facts() if fields["k"] != "order")
        return sorted(moved, key=lambda fields: int(fields["tv"]))

    def dump(self) -> dict[str, object]:
        """Everything stored, for proving that nothing changed."""
        readers = {
            "hash": self.client.hgetall,
            "set": self.client.smembers,
            "stream": self.client.xrange,
            "string": self.client.get,
            "zset": lambda key: self.client.zrange(key, 0, -1, withscores=True),
        }
        return {key: readers[self.client.type(key)](key) for key in self.client.scan_iter()}

    def prove(self) -> None:
        """Money is conserved, every share is accounted for, nothing is negative, facts add up."""
        self._prove_money()
        self._prove_inventory()
        self._prove_positions()
        self._prove_reserved()
        self._prove_facts()
        assert [key for key in self.client.scan_iter() if not key.startswith(TAG)] == []

    def _prove_money(self) -> None:
        wallets = {
            key: wallet_of(self.client.hgetall(key))
            for key in self.client.scan_iter(self.keys.wallet("*"))
        }
        assert sum(wallet.cash_e4 + wallet.locked_e4 for wallet in wallets.values()) == 0
        wallets.pop(self.keys.wallet(0), None)
        assert all(wallet.cash_e4 >= 0 <= wallet.locked_e4 for wallet in wallets.values())

    def _prove_inventory(self) -> None:
        held: dict[InstrumentIdx, int] = defaultdict(int)
        short: dict[InstrumentIdx, int] = defaultdict(int)
        for key in self.client.scan_iter(self.keys.hold("*")):
            for idx, holding in holdings_of(self.client.hgetall(key)).items():
                assert holding.qty >= 0 <= holding.cost_e4
                held[idx] += holding.qty
        for position in self.positions():
            sold = held if position.side is Direction.LONG else short
            sold[position.idx] += position.qty
        for instrument in self.hot.instruments():
            assert instrument.short_interest == short[instrument.idx] <= instrument.qcap
            assert instrument.inventory == held[instrument.idx] - short[instrument.idx]
            assert held[instrument.idx] <= instrument.qcap

    def _prove_positions(self) -> None:
        """Margins are what is locked, and every position is filed where its levels say."""
        locked: dict[UserId, int] = defaultdict(int)
        filed: dict[str, dict[str, float]] = defaultdict(dict)
        exposed: dict[tuple[str, str], int] = defaultdict(int)
        for position in self.positions():
            assert (position.qty > 0) == (position.closed_ms is None) == (position.reason is None)
            assert 0 <= position.margin_e4 <= position.open_value_e4 or position.qty == 0
            locked[position.user] += position.margin_e4
            if position.qty:
                for key, px in filed_at(self.keys, position).items():
                    filed[key][position.id] = px
                side = "l" if position.side is Direction.LONG else "s"
                exposed[self.keys.hold(position.user), f"{side}:{position.idx}"] += position.qty
                assert self.client.sismember(self.keys.open_by_user(position.user), position.id)
                assert self.client.sismember(self.keys.open_by_club(position.idx), position.id)
        for key in self.client.scan_iter(self.keys.wallet("*")):
            user = UserId(int(key.rpartition(":")[2]))
            assert self.hot.wallet(user).locked_e4 == locked[user]
        self._prove_files(filed, exposed)

    def _prove_reserved(self) -> None:
        """Every wallet has set aside what its user's waiting orders have, and has that much."""
        aside: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for order_id in self.client.zrange(self.keys.pending_orders, 0, -1):
            order = self.client.hgetall(self.keys.order(order_id))
            user, amount = int(order["uid"]), int(order["rsv"])
            # What it was carried out as has given it back, and its record is closed after that.
            if not self.client.exists(self.keys.idem(user, f"order:{order_id}")):
                slots = int(order["kind"] == "open" and amount > 0)
                aside[user] = (aside[user][0] + amount, aside[user][1] + slots)
        for key in self.client.scan_iter(self.keys.wallet("*")):
            wallet, user = wallet_of(self.client.hgetall(key)), int(key.rpartition(":")[2])
            assert (wallet.reserved_e4, wallet.reserved_positions) == aside[user]
            assert user == 0 or 0 <= wallet.reserved_e4 <= wallet.cash_e4

    def _prove_files(
        self, filed: dict[str, dict[str, float]], exposed: dict[tuple[str, str], int]
    ) -> None:
        for key in self.client.scan_iter(f"{TAG}trig:*"):
            assert dict(self.client.zrange(key, 0, -1, withscores=True)) == filed.pop(key, {})
        assert not any(filed.values())
        for key in self.client.scan_iter(self.keys.hold("*")):
            for name, qty in self.client.hgetall(key).items():
                if name[0] in "ls":
                    assert int(qty) == exposed.pop((key, name), 0)
        assert not any(exposed.values())

    def _facts(self) -> list[Mapping[str, str]]:
        streams = map(self.keys.outbox, OutboxName)
        return [fields for stream in streams for fields in facts_in(self.client, stream)]

    def _prove_facts(self) -> None:
        """The newest post-images are the state, and no version and no turn is without its fact."""
        facts = self._facts()
        assert sorted(int(fields["turn"]) for fields in facts) == list(range(1, len(facts) + 1))
        treasury, versions = 0, defaultdict(int)
        for entry in self.entries():
            wallet = self.keys.wallet(entry["uid"])
            for key, version in ((wallet, entry["wv"]), (self.keys.wallet(0), entry["tv"])):
                versions[key] += 1
                assert int(version) == versions[key]
            treasury = int(entry["tcash"])
            assert entry["k"] in ("trade", "grant", "open", "change", "close")
        for key, version in versions.items():
            assert wallet_of(self.client.hgetall(key)).version == version
        assert self.hot.wallet(UserId(0)).cash_e4 == treasury
