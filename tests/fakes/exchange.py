"""The market over one Redis, with shortcuts to arrange it and the proofs it must pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import count
from typing import Any

import redis
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.trading import Side
from touchline.store.commands import CreditCommand, CreditOutcome, Outcome, TradeCommand
from touchline.store.hashes import holdings_of, wallet_of
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.scripts import Scripts

TAG = "{m}"
LEASE = "{m}lease:scheduler"
OWNER = "the scheduler"
ARS = InstrumentIdx(1)
EVE = InstrumentIdx(2)
ANN = UserId(5)
BOB = UserId(6)


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

    def new_id(self) -> str:
        """An id not used before in this exchange."""
        return f"id-{next(self._numbers)}"

    def entries(self) -> list[Mapping[str, str]]:
        """All facts, oldest first."""
        return [fields for _, fields in self.client.xrange(self.keys.trade_outbox)]

    def dump(self) -> dict[str, object]:
        """Everything stored, for proving that nothing changed."""
        readers = {
            "hash": self.client.hgetall,
            "set": self.client.smembers,
            "stream": self.client.xrange,
            "string": self.client.get,
        }
        return {key: readers[self.client.type(key)](key) for key in self.client.scan_iter()}

    def prove(self) -> None:
        """Money is conserved, every share is accounted for, nothing is negative, facts add up."""
        self._prove_money()
        self._prove_inventory()
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
        for key in self.client.scan_iter(self.keys.hold("*")):
            for idx, holding in holdings_of(self.client.hgetall(key)).items():
                assert holding.qty >= 0 <= holding.cost_e4
                held[idx] += holding.qty
        for instrument in self.hot.instruments():
            assert instrument.inventory == held[instrument.idx]
            assert abs(instrument.inventory) <= instrument.qcap

    def _prove_facts(self) -> None:
        """The newest post-images are the state, and no version is without its fact."""
        treasury, versions = 0, defaultdict(int)
        for entry in self.entries():
            wallet = self.keys.wallet(entry["uid"])
            for key, version in ((wallet, entry["wv"]), (self.keys.wallet(0), entry["tv"])):
                versions[key] += 1
                assert int(version) == versions[key]
            treasury = int(entry["tcash"])
            assert entry["k"] in ("trade", "grant")
        for key, version in versions.items():
            assert wallet_of(self.client.hgetall(key)).version == version
        assert self.hot.wallet(UserId(0)).cash_e4 == treasury
