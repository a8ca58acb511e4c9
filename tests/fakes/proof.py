"""What must hold of everything a Redis stores, however it came there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from touchline.domain.ids import TREASURY, InstrumentIdx, UserId
from touchline.domain.portfolio import Wallet
from touchline.domain.positions import Direction
from touchline.store.entries import FACT
from touchline.store.files import filed_at
from touchline.store.hashes import holdings_of, instrument_of, wallet_of
from touchline.store.keys import Keys, OutboxName
from touchline.store.position_hashes import position_of
from touchline.store.wire import decode_portfolio, entry_of


def moved(facts: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Those of *facts* that moved money or shares, in the order they happened."""
    return sorted(
        (fields for fields in facts if fields["k"] != "order"), key=lambda fields: int(fields["tv"])
    )


class Proof:
    """Looks at *stored*, all keys with their values, whose names are those of *keys*."""

    def __init__(self, keys: Keys, stored: Mapping[str, Any]) -> None:
        self._keys = keys
        self._stored = stored
        self._wallets = {
            UserId(int(user)): wallet_of(fields) for user, fields in self._like(keys.wallet(""))
        }
        self._positions = [position_of(fields) for _, fields in self._like(keys.pos(""))]

    def prove(self) -> None:
        """Money is conserved, every share is accounted for, nothing is negative, facts add up."""
        self._prove_money()
        self._prove_inventory()
        self._prove_positions()
        self._prove_reserved()
        self._prove_facts()
        self._prove_pushes()
        assert [key for key in self._stored if not key.startswith(self._keys.tag)] == []

    def _like(self, beginning: str) -> Iterator[tuple[str, Any]]:
        """The rest of every key that begins so, and its value."""
        for key, value in self._stored.items():
            if key.startswith(beginning):
                yield key.removeprefix(beginning), value

    def _prove_pushes(self) -> None:
        """The last pushes of every user are kept, under their numbers.

        But for replays that nobody heard: those are told again, or wait for that.
        """
        for user, last in self._like(self._keys.pfseq("")):
            texts = self._stored.get(self._keys.pushes(user), [])
            kept = [push for text in texts if (push := decode_portfolio(text))]
            replays = sum(push.name == "replay" for push in kept)
            unheard = replays + (self._keys.replay(int(user)) in self._stored)
            seqs, first = [push.seq for push in kept], max(1, int(last) - 31)
            assert seqs == sorted(set(seqs) & set(range(first - unheard, int(last) + 1)))
            assert len(set(range(first, int(last) + 1)) - set(seqs)) <= unheard

    def _wallet(self, user: UserId) -> Wallet:
        return self._wallets.get(user, wallet_of({}))

    def _prove_money(self) -> None:
        everybody = self._wallets.values()
        assert sum(wallet.cash_e4 + wallet.locked_e4 for wallet in everybody) == 0
        for user, wallet in self._wallets.items():
            assert user == TREASURY or wallet.cash_e4 >= 0 <= wallet.locked_e4

    def _prove_inventory(self) -> None:
        held: dict[InstrumentIdx, int] = defaultdict(int)
        short: dict[InstrumentIdx, int] = defaultdict(int)
        for _, fields in self._like(self._keys.hold("")):
            for idx, holding in holdings_of(fields).items():
                assert holding.qty >= 0 <= holding.cost_e4
                held[idx] += holding.qty
        for position in self._positions:
            sold = held if position.side is Direction.LONG else short
            sold[position.idx] += position.qty
        for idx in map(InstrumentIdx, map(int, self._stored.get(self._keys.instruments, ()))):
            instrument = instrument_of(idx, self._stored[self._keys.inst(idx)])
            assert instrument.short_interest == short[idx] <= instrument.qcap
            assert instrument.inventory == held[idx] - short[idx]
            assert held[idx] <= instrument.qcap

    def _prove_positions(self) -> None:
        """Margins are what is locked, and every position is filed where its levels say."""
        locked: dict[UserId, int] = defaultdict(int)
        filed: dict[str, dict[str, float]] = defaultdict(dict)
        exposed: dict[tuple[str, str], int] = defaultdict(int)
        for position in self._positions:
            assert (position.qty > 0) == (position.closed_ms is None) == (position.reason is None)
            assert 0 <= position.margin_e4 <= position.open_value_e4 or position.qty == 0
            locked[position.user] += position.margin_e4
            if position.qty:
                for key, px in filed_at(self._keys, position).items():
                    filed[key][position.id] = px
                side = "l" if position.side is Direction.LONG else "s"
                exposed[str(position.user), f"{side}:{position.idx}"] += position.qty
                assert position.id in self._stored[self._keys.open_by_user(position.user)]
                assert position.id in self._stored[self._keys.open_by_club(position.idx)]
        for user, wallet in self._wallets.items():
            assert wallet.locked_e4 == locked[user]
        self._prove_files(filed, exposed)

    def _prove_files(
        self, filed: dict[str, dict[str, float]], exposed: dict[tuple[str, str], int]
    ) -> None:
        beginning = f"{self._keys.tag}trig:"
        for rest, members in self._like(beginning):
            assert dict(members) == filed.pop(beginning + rest, {})
        assert not any(filed.values())
        for user, fields in self._like(self._keys.hold("")):
            for name, qty in fields.items():
                if name[0] in "ls":
                    assert int(qty) == exposed.pop((user, name), 0)
        assert not any(exposed.values())

    def _prove_reserved(self) -> None:
        """Every wallet has set aside what its user's waiting orders have, and has that much."""
        aside: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for order_id, _ in self._stored.get(self._keys.pending_orders, ()):
            order = self._stored[self._keys.order(order_id)]
            user, amount = int(order["uid"]), int(order["rsv"])
            # What it was carried out as has given it back, and its record is closed after that.
            if self._keys.idem(user, f"order:{order_id}") not in self._stored:
                slots = int(order["kind"] == "open" and amount > 0)
                aside[user] = (aside[user][0] + amount, aside[user][1] + slots)
        for user, wallet in self._wallets.items():
            assert (wallet.reserved_e4, wallet.reserved_positions) == aside[user]
            assert user == TREASURY or 0 <= wallet.reserved_e4 <= wallet.cash_e4

    def _prove_facts(self) -> None:
        """The newest post-images are the state, and no version and no turn is without its fact."""
        streams = (self._stored.get(self._keys.outbox(name), ()) for name in OutboxName)
        facts = [entry_of(entry[FACT]) for stream in streams for _, entry in stream]
        assert sorted(int(fields["turn"]) for fields in facts) == list(range(1, len(facts) + 1))
        treasury, versions = 0, defaultdict[UserId, int](int)
        for entry in moved(facts):
            for user, version in (
                (UserId(int(entry["uid"])), entry["wv"]),
                (TREASURY, entry["tv"]),
            ):
                versions[user] += 1
                assert int(version) == versions[user]
            treasury = int(entry["tcash"])
            assert entry["k"] in ("trade", "grant", "open", "change", "close")
        for user, count in versions.items():
            assert self._wallet(user).version == count
        assert self._wallet(TREASURY).cash_e4 == treasury
