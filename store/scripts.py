"""The market's commands: one typed method for each Lua script.

Every command is atomic and either happens completely or is refused with a value; what was refused
changed nothing. See the head of each script for what it reads and writes.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import redis

from ..domain.ids import TREASURY, InstrumentIdx
from ..domain.orders import OrderStatus
from ..domain.refusals import Refusal, Refused
from ..domain.ticks import IndexChange
from . import wire
from .commands import (
    ADJUSTMENT,
    AcceptOrder,
    Command,
    CreditCommand,
    Credited,
    CreditOutcome,
    Delayed,
    Filled,
    Indexed,
    IndexOutcome,
    OrderDone,
    Outcome,
    Rebased,
    Replayed,
    Settled,
    SettleOutcome,
    TradeCommand,
)
from .executable import kinds
from .keys import Keys, State
from .lua import KERNEL, MARKET, TICKS, WALLETS, Call, LuaScript, run_ahead, run_all
from .order_calls import done_call
from .position_calls import follow_call, follow_outcome, script
from .position_commands import FollowCommand

__all__ = [
    "CreditCommand",
    "CreditOutcome",
    "Credited",
    "Filled",
    "IndexOutcome",
    "Indexed",
    "Outcome",
    "Rebased",
    "Replayed",
    "Scripts",
    "SettleOutcome",
    "Settled",
    "TradeCommand",
]

PAUSED = ("refused", Refusal.NEW_TRADES_PAUSED.value)
ACK_CHUNK = 500  #: members one run of flush_ack takes: Redis serves nobody else meanwhile


class Scripts:
    """The scripts, run through *client* on the keys named by *keys*."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._kinds = kinds()
        self._order_done = LuaScript("order_done", KERNEL, WALLETS)
        self._wallet_credit = LuaScript("wallet_credit", KERNEL, WALLETS)
        self._index_apply = LuaScript("index_apply", KERNEL, MARKET, TICKS)
        self._fixture_settle = LuaScript("fixture_settle", KERNEL, MARKET)
        self._flush_ack = LuaScript("flush_ack")
        self._position_follow = script("position_follow")

    def execute(self, commands: Sequence[Command | AcceptOrder]) -> list[Outcome | Delayed]:
        """Carry out *commands* in order, whatever their kinds, in one round trip.

        Raises:
            redis.RedisError: any of them may have happened; ask again with the same keys.
        """
        # Between two looks of the `pressure-gauge` Redis may run full; it refuses by itself then.
        replies = run_all(self._client, self._calls(commands), if_full=PAUSED)
        return self._outcomes(commands, replies)

    def execute_ahead(
        self, batches: Iterable[Sequence[Command]]
    ) -> Iterator[list[Outcome | Delayed]]:
        """Carry out *batches* in order; each is sent before the one before it has answered.

        The first one loads what scripts Redis lacks. Raises: as `execute`.
        """
        left, sent = iter(batches), deque[Sequence[Command]]()
        for first in islice(left, 1):
            yield self.execute(first)

        def calls() -> Iterator[list[tuple[LuaScript, Call]]]:
            for batch in left:
                sent.append(batch)
                yield self._calls(batch)

        for replies in run_ahead(self._client, calls()):
            yield self._outcomes(sent.popleft(), replies)

    def _calls(self, commands: Sequence[Command | AcceptOrder]) -> list[tuple[LuaScript, Call]]:
        kinds = [self._kinds[type(command)] for command in commands]
        return [
            (kind.script, kind.call(self._keys, command))
            for kind, command in zip(kinds, commands, strict=True)
        ]

    def _outcomes(
        self, commands: Sequence[Command | AcceptOrder], replies: Sequence[Any]
    ) -> list[Outcome | Delayed]:
        return [
            self._kinds[type(command)].outcome(reply)
            for command, reply in zip(commands, replies, strict=True)
        ]

    def position_follow(self, commands: Sequence[FollowCommand]) -> list[int | Refused]:
        """Note what checking positions moved, in one round trip; their versions from now on."""
        calls = [follow_call(self._keys, command) for command in commands]
        return list(map(follow_outcome, self._position_follow.run_all(self._client, calls)))

    def orders_done(self, results: Sequence[OrderDone]) -> list[OrderStatus | Refused]:
        """Close the records of orders that were released; SETTLED those that are closed already.

        A rejection counts only if the order has not been carried out after all.
        """
        calls = [done_call(self._keys, result) for result in results]
        return [
            OrderStatus(reply[1]) if reply[0] == "ok" else wire.refusal_of(reply)
            for reply in self._order_done.run_all(self._client, calls)
        ]

    def wallet_credit(self, command: CreditCommand) -> CreditOutcome:
        """Give a user money from the treasury, once per idempotency key for ever.

        An adjustment may take some back, of what is free.
        """
        taking = command.kind == ADJUSTMENT and command.amount_e4 < 0
        if not (command.amount_e4 > 0 or taking) or command.user == TREASURY:
            raise ValueError(f"not a credit: {command}")
        user, keys = command.user, self._keys
        reply = self._wallet_credit.run(
            self._client,
            [
                keys.wallet(user),
                keys.wallet(TREASURY),
                keys.idem(user, command.idem_key),
                keys.trade_outbox,
                keys.pfseq(user),
                keys.dirty(State.WALLETS),
                keys.pushes(user),
            ],
            [
                command.entry_id,
                str(user),
                command.kind,
                str(command.amount_e4),
                command.idem_key,
                wire.grant_fingerprint(command.kind, command.amount_e4),
                command.note,
                str(command.now_ms),
            ],
        )
        return _credit_outcome(reply)

    def index_apply(self, change: IndexChange, lease_key: str, owner: str) -> IndexOutcome:
        """Take in what the feed says of one instrument, if *owner* still holds the lease."""
        return self.index_apply_all([change], lease_key, owner)[0]

    def index_apply_all(
        self, changes: Sequence[IndexChange], lease_key: str, owner: str
    ) -> list[IndexOutcome]:
        """Take in *changes* in order, in one round trip; each is fenced by itself."""
        calls = [self._index_call(change, lease_key, owner) for change in changes]
        return [_index_outcome(reply) for reply in self._index_apply.run_all(self._client, calls)]

    def fixture_settle(
        self, fixture: int, home: InstrumentIdx, away: InstrumentIdx, lease_key: str, owner: str
    ) -> SettleOutcome:
        """Make the indexes of both clubs their base prices, once per match."""
        keys = self._keys
        reply = self._fixture_settle.run(
            self._client,
            [
                keys.settled(fixture),
                lease_key,
                keys.dirty(State.INSTRUMENTS),
                keys.inst(home),
                keys.inst(away),
            ],
            [owner, str(home), str(away)],
        )
        if reply[0] == "refused":
            return wire.refusal_of(reply)
        home_before, home_after, away_before, away_after = map(int, reply[1:])
        return Settled(Rebased(home_before, home_after), Rebased(away_before, away_after))

    def flush_ack(self, flushed: Mapping[State, Sequence[tuple[str, int]]]) -> int:
        """Take members off the dirty sets whose version is still the *flushed* one.

        Args:
            flushed: members (`17`, or `user:idx` for holdings) and their versions in Postgres.

        Returns:
            How many were taken off.
        """
        calls = [
            self._ack_call(state, of_state[at : at + ACK_CHUNK])
            for state, of_state in flushed.items()
            for at in range(0, len(of_state), ACK_CHUNK)
        ]
        return sum(self._flush_ack.run_all(self._client, calls))

    def _index_call(self, change: IndexChange, lease_key: str, owner: str) -> Call:
        keys, idx = self._keys, change.idx
        names = [keys.inst(idx), keys.ticks(idx), keys.dirty(State.INSTRUMENTS), lease_key]
        if change.fixture is not None:
            names.append(keys.settled(change.fixture))
        return names, [
            owner,
            str(idx),
            str(change.now_ms),
            _text(change.offset_bps),
            change.phase or "",
            _text(change.halt),
            "1" if change.heartbeat else "0",
        ]

    def _ack_call(self, state: State, flushed: Sequence[tuple[str, int]]) -> Call:
        names, args = [self._keys.dirty(state)], []
        for member, version in flushed:
            key, field = self._keys.versioned(state, member)
            names.append(key)
            args += [member, field, str(version)]
        return names, args


def _text(value: int | None) -> str:
    return "" if value is None else str(int(value))


def _credit_outcome(reply: Any) -> CreditOutcome:
    match reply:
        case ["ok", entry_id, fact]:
            return Credited(wire.entry_of(fact), entry_id)
        case ["replayed", fact]:
            return Credited(wire.entry_of(fact), None)
        case _:
            return wire.refusal_of(reply)


def _index_outcome(reply: Any) -> IndexOutcome | Refused:
    if reply[0] == "refused":
        return wire.refusal_of(reply)
    _, was_ticked, seq, tick_id, index_px = reply
    return Indexed(was_ticked == "1", int(seq), tick_id, int(index_px))
