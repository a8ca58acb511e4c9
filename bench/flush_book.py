"""What bench/flush.py moves: a market with its people on embedded servers, as Redis has it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from touchline.domain.ids import InstrumentIdx, UserId, uuid7
from touchline.domain.instrument import new_instrument, quoted
from touchline.domain.positions import Direction, Position, Stops
from touchline.domain.trading import Side
from touchline.store.commands import Filled, TradeCommand
from touchline.store.drain import Drain, open_drain
from touchline.store.embedded import Embedded
from touchline.store.embedded.manager import POSTGRESQL, VALKEY
from touchline.store.hashes import instrument_hash
from touchline.store.keys import Keys, State
from touchline.store.position_hashes import position_hash
from touchline.store.postgres import Postgres
from touchline.store.redis_client import open_redis
from touchline.store.schema import apply_schema
from touchline.store.scripts import Scripts
from trades_cpu import cpu_s, family_cpu_s

CLUBS = 20
PIPELINE = 128  #: trades sent at once, as the executor does at most
CHUNK = 2_000
RICH_E4 = 10**12
AT_MS = 1_792_854_300_123
_PEOPLE = """
INSERT INTO teams (id, name, short_code) SELECT i, 'Club ' || i, 'C' || i
 FROM generate_series(1, %(clubs)s) i;
INSERT INTO users (id, email, display_name) OVERRIDING SYSTEM VALUE
 SELECT i, 'user' || i || '@example.org', 'User ' || i FROM generate_series(1, %(people)s) i;
"""

Members = dict[State, list[str]]
"""Which states, by kind."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of wall time, and of CPU by who used them."""

    wall: float
    client: float
    redis: float
    postgres: float

    def __sub__(self, other: Spent) -> Spent:
        return Spent(
            self.wall - other.wall,
            self.client - other.client,
            self.redis - other.redis,
            self.postgres - other.postgres,
        )


@dataclass(slots=True)
class Book:
    """The servers, and what is on them."""

    servers: Embedded
    redis: Any
    keys: Keys
    scripts: Scripts
    pg: Postgres
    drain: Drain

    def spent(self) -> Spent:
        """So far: of this process, of Valkey, and of Postgres with all its backends."""
        pids = self.servers.pids
        return Spent(
            time.perf_counter(),
            time.process_time(),
            cpu_s(pids[VALKEY]),
            family_cpu_s(pids[POSTGRESQL]),
        )

    def fill(self, people: int) -> None:
        """Have *people* wallets, and for each also a holding and half a position."""
        with self.pg.transaction() as cursor:
            cursor.execute(_PEOPLE, {"clubs": CLUBS, "people": people})
        hashes = [(self.keys.inst(idx), instrument_hash(_club(idx))) for idx in _clubs()]
        self.redis.sadd(self.keys.instruments, *_clubs())
        wallet = {"cash": str(RICH_E4), "locked": "0", "v": "1"}
        hashes += [(self.keys.wallet(user), wallet) for user in range(people + 1)]
        for user in range(1, people + 1):
            idx = _club_of(user)
            held = {str(idx): "20000", f"c:{idx}": "20010000", f"v:{idx}": "1"}
            hashes.append((self.keys.hold(user), held))
            if user % 2:
                hashes.append((self.keys.pos(_position_id(user)), _position(user)))
        for some in _chunks(hashes):
            with self.redis.pipeline(transaction=False) as pipe:
                for key, fields in some:
                    pipe.hset(key, mapping=fields)
                pipe.execute()

    def mark(self, members: Members) -> None:
        """Change the version of each of *members* and mark it dirty, as a script would."""
        wanted = [(state, member) for state, those in members.items() for member in those]
        random.shuffle(wanted)
        for some in _chunks(wanted):
            with self.redis.pipeline(transaction=False) as pipe:
                for state, member in some:
                    pipe.hincrby(*self.keys.versioned(state, member), 1)
                    pipe.sadd(self.keys.dirty(state), member)
                pipe.execute()

    def trade(self, count: int, people: int) -> None:
        """Have the real script make *count* trades of one of *people* each; raises on a refusal."""
        for some in _chunks(range(count), PIPELINE):
            made = self.scripts.execute([any_trade(people) for _ in some])
            if not all(isinstance(outcome, Filled) for outcome in made):
                raise RuntimeError(f"not all were trades: {made}")


@contextmanager
def open_book(root: Path, people: int) -> Iterator[Book]:
    """Start the servers below *root*, as durable as in production; they end with the block."""
    with Embedded(root) as servers:
        client, keys = open_redis(servers.redis_url, role="bench"), Keys()
        pg = Postgres(servers.database_url, size=4, role="bench")
        apply_schema(pg)
        scripts = Scripts(client, keys)
        book = Book(servers, client, keys, scripts, pg, open_drain(client, keys, scripts, pg))
        book.fill(people)
        yield book
        pg.close()
        client.close()


def wallets(count: int, people: int) -> Members:
    """The wallets of *count* among *people*, always the same ones."""
    return {State.WALLETS: list(map(str, _some(count, people)))}


def mix(count: int, people: int) -> Members:
    """About *count* states as trading has them: for each wallet a holding and half a position."""
    users = _some(min(people, (count - CLUBS) * 2 // 5), people)
    return {
        State.INSTRUMENTS: list(map(str, _clubs())),
        State.WALLETS: list(map(str, users)),
        State.HOLDINGS: [f"{user}:{_club_of(user)}" for user in users],
        State.POSITIONS: [_position_id(user) for user in users if user % 2],
    }


def everything(people: int) -> Members:
    """All states there are, but for the treasury's."""
    return mix(3 * people + CLUBS, people)


def size(members: Members) -> int:
    return sum(map(len, members.values()))


def any_trade(people: int) -> TradeCommand:
    """Somebody of *people* buys a thousandth of a share of their club."""
    trade_id, user = uuid7(AT_MS), random.randint(1, people)
    return TradeCommand(
        trade_id=trade_id,
        user=UserId(user),
        idx=InstrumentIdx(_club_of(user)),
        side=Side.BUY,
        qty=1,
        bound_px=None,
        idem_key=f"{trade_id}-key",
        fingerprint="f" * 64,
        client_order_id=None,
        now_ms=AT_MS,
    )


def _some(count: int, people: int) -> list[int]:
    # Spread over the whole table, as those are who trade within a tenth of a second.
    return random.Random(count).sample(range(1, people + 1), count)


def _clubs() -> range:
    return range(1, CLUBS + 1)


def _club_of(user: int) -> int:
    return user % CLUBS + 1


def _club(idx: int) -> Any:
    club = new_instrument(InstrumentIdx(idx), f"C{idx}", f"Club {idx}")
    deep = replace(club, depth=100_000_000, qcap=50_000_000, user_cap=2_000_000)
    return quoted(replace(deep, last_tick_id=f"{AT_MS}-0", ticked_ms=AT_MS))


def _position_id(user: int) -> str:
    return f"00000000-0000-7000-8000-{user:012d}"


def _position(user: int) -> dict[str, str]:
    return position_hash(
        Position(
            id=_position_id(user),
            user=UserId(user),
            idx=InstrumentIdx(_club_of(user)),
            side=Direction.LONG,
            qty_open=100,
            qty=100,
            leverage=2,
            entry_px=1_000_000,
            open_value_e4=100_000,
            margin_e4=50_000,
            liquidation_px=512_345,
            stops=Stops(900_000, 1_100_000, None),
            open_tick_id=f"{AT_MS}-0",
            open_seq=1,
            checked_tick_id=f"{AT_MS}-0",
            checked_seq=1,
            opened_ms=AT_MS,
        )
    )


def _chunks(items: Sequence[Any] | range, of: int = CHUNK) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), of):
        yield items[start : start + of]
