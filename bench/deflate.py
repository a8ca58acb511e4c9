"""What permessage-deflate saves and costs: bytes of our messages, CPU for a frame and for a client.

    python bench/deflate.py            # about a quarter of a minute; --json for machines

Real messages, through the hub's own encoder, deflater and connections. A connection is one end of
a Unix socket pair; what the kernel took is read away between two rounds, which are timed in CPU.
"""

# ruff: noqa: E402 — everything imported below must find the patched modules
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse
import json
import socket
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from touchline.actors.hub import replies
from touchline.actors.hub.connection import Connection
from touchline.actors.hub.deflate import Deflater
from touchline.actors.hub.frames import Limits
from touchline.actors.hub.traffic import Traffic
from touchline.domain.fixture_views import fixture_view
from touchline.domain.fixtures import Club, Fixture
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import new_instrument
from touchline.domain.portfolio import HeldShares, Holding, OpenPosition, Portfolio, Wallet
from touchline.domain.positions import NO_STOPS, Direction, Position, Stops
from touchline.domain.pushes import FillPush, PortfolioEvent
from touchline.domain.ticks import PriceTick
from touchline.domain.trading import Fill, Side
from touchline.domain.views import (
    portfolio_update_view,
    portfolio_view,
    price_snapshot_view,
    price_update_view,
)

AT_MS = 1_792_854_300_123
CLIENTS = 500
ROUNDS = 40


def tick(idx: int, seq: int) -> bytes:
    """One price as it is sent."""
    px = 1_000_000 + 137 * (seq % 997) + 1_009 * idx
    moved = PriceTick(
        InstrumentIdx(idx), seq, f"{AT_MS + seq}-0", AT_MS + seq, px - 3_113, px + 3_089, px + 51,
        px, "trade", Halt(0), Phase.LIVE,
    )  # fmt: skip
    return replies.update(f"price:{idx}", seq, price_update_view(moved))


def fill() -> bytes:
    """One event of a portfolio."""
    made = Fill(
        trade_id="019fbd61-c0ad-7cd6-8106-bfed5a6acfe6",
        user=UserId(5),
        idx=InstrumentIdx(17),
        side=Side.BUY,
        qty=1_000,
        px=1_001_051,
        value_e4=1_001_051,
        fee_e4=1_002,
        realized_e4=0,
        seq=48_191,
        tick_id=f"{AT_MS}-0",
        at_ms=AT_MS,
        cash_after_e4=98_997_947,
        qty_after=1_000,
        cost_after_e4=1_001_051,
        client_order_id=None,
    )
    event = PortfolioEvent(552, FillPush(made, "ARS"))
    return replies.portfolio_update(552, "fill", portfolio_update_view(event))


def portfolio(lines: int, positions: int) -> bytes:
    """A portfolio of so many holdings and positions."""
    held = tuple(
        HeldShares(InstrumentIdx(n), f"CL{n}", Holding(1_000 * n, 999_137 * n), 1_000_100 + 7 * n)
        for n in range(1, lines + 1)
    )
    opened = tuple(
        OpenPosition(f"CL{n}", _position(n), 999_000 + n, 1_001_000 + n, 1_000_000 + n)
        for n in range(1, positions + 1)
    )
    whole = Portfolio(UserId(5), 551, Wallet(98_997_947, 2_003_002 * positions), held, opened)
    return replies.snapshot("portfolio", 7, 551, portfolio_view(whole))


def _position(n: int) -> Position:
    stops = Stops(960_000 + n, None, 20_000) if n % 2 else NO_STOPS
    return Position(
        id=f"019fbd49-0799-70be-aa66-{0xE0324DF05535 + 7919 * n:012x}",
        user=UserId(5),
        idx=InstrumentIdx(n),
        side=Direction.LONG,
        qty_open=10_000,
        qty=10_000,
        leverage=5,
        entry_px=1_001_501 + n,
        open_value_e4=10_015_010,
        margin_e4=2_003_002,
        liquidation_px=901_351,
        stops=stops,
        best_px=1_000_000 if n % 2 else None,
        open_tick_id=f"{AT_MS}-0",
        open_seq=n,
        checked_tick_id=f"{AT_MS}-0",
        checked_seq=n,
        fees_e4=10_016,
        opened_ms=AT_MS,
    )


def fixture() -> bytes:
    """A match under way."""
    sides = (Club("Eastlock Athletic", "EAS", InstrumentIdx(8)),
             Club("Larkhill Rangers", "LAR", InstrumentIdx(7)))  # fmt: skip
    match = Fixture(
        id=613878001, league="Touchline League 7", round_id=1, kickoff_ms=AT_MS,
        state="INPLAY_2ND_HALF", phase=Phase.LIVE, minute=57, home=sides[0], away=sides[1],
        score=(1, 1), penalties=None, settled_ms=None,
    )  # fmt: skip
    return replies.update("fixture:613878001", 340, fixture_view(match))


def price_snapshot() -> bytes:
    """One price as it is shown first."""
    club = new_instrument(InstrumentIdx(17), "ARS", "Arsenal")
    return replies.snapshot("price:17", 7, 48_190, price_snapshot_view(club))


def frame_cost(make: Callable[[], bytes]) -> dict[str, float]:
    """Bytes plain and compressed, and microseconds of CPU to compress the frame."""
    frame = make()
    done = Deflater().deflated(frame)
    spent = []
    for _ in range(7):
        begun = time.process_time()
        for _ in range(500):
            Deflater().deflated(frame)
        spent.append((time.process_time() - begun) / 500 * 1e6)
    return {"plain": len(frame), "deflated": len(done), "us": min(spent)}


class Crowd:
    """Connections that are sent prices, and whoever reads them away."""

    def __init__(self, deflater: Deflater | None) -> None:
        self.links, self.ends = [], []
        for _ in range(CLIENTS):
            ours, theirs = socket.socketpair()
            theirs.setblocking(False)
            link = Connection(ours.detach(), Limits(), time.monotonic, Traffic(), deflater)
            link.open(_Nobody(), b"")
            self.links.append(link)
            self.ends.append(theirs)

    def round_us(self, frames: dict[int, bytes]) -> float:
        """Microseconds of CPU to send *frames* to one client."""
        joined = b"".join(frames.values())
        begun = time.process_time()
        for link in self.links:
            link.send_prices(joined, frames)
        spent = (time.process_time() - begun) / CLIENTS * 1e6
        for end in self.ends:
            end.recv(1 << 16)
        return spent

    def close(self) -> None:
        for link, end in zip(self.links, self.ends, strict=True):
            link.evict(1000, "")
            end.close()


class _Nobody:
    def received(self, data: Any) -> None: ...
    def left(self, reason: str) -> None: ...
    def released(self) -> None: ...


def client_cost(ticks: int) -> dict[str, float]:
    """Microseconds of CPU for each client that is sent *ticks* prices in one go."""
    found: dict[str, list[float]] = {"plain": [], "deflated": []}
    crowds = {"plain": Crowd(None), "deflated": Crowd(Deflater())}
    for seq in range(ROUNDS):
        frames = {idx: tick(idx, seq) for idx in range(1, ticks + 1)}
        for name, crowd in crowds.items():
            found[name].append(crowd.round_us(frames))
    for crowd in crowds.values():
        crowd.close()
    return {name: statistics.median(spent) for name, spent in found.items()}


def idle_bytes(deflater: Deflater | None) -> float:
    """What Python has allocated for each idle connection."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    crowd = Crowd(deflater)
    size = (tracemalloc.get_traced_memory()[0] - before) / CLIENTS
    tracemalloc.stop()
    crowd.close()
    return size


MESSAGES: dict[str, Callable[[], bytes]] = {
    "price update": lambda: tick(17, 48_191),
    "price snapshot": price_snapshot,
    "fixture update": fixture,
    "fill": fill,
    "portfolio, empty": lambda: portfolio(0, 0),
    "portfolio, 5 holdings": lambda: portfolio(5, 0),
    "portfolio, 20 and 20 positions": lambda: portfolio(20, 20),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    frames = {name: frame_cost(make) for name, make in MESSAGES.items()}
    clients = {ticks: client_cost(ticks) for ticks in (1, 5, 20)}
    idle = {"plain": idle_bytes(None), "deflated": idle_bytes(Deflater())}
    if wanted.json:
        print(json.dumps({"frames": frames, "clients": clients, "idle": idle}))
        return 0
    for name, cost in frames.items():
        sizes = f"{cost['plain']:6} -> {cost['deflated']:5} B"
        print(f"{name:>32} {sizes} {cost['deflated'] / cost['plain']:4.0%} {cost['us']:5.1f} us")
    for ticks, client in clients.items():
        spent = f"{client['plain']:6.2f} us, {client['deflated']:6.2f} us deflated"
        print(f"{ticks:>20} prices to one {spent}")
    print(f"an idle connection {idle['plain']:.0f} B, {idle['deflated']:.0f} B deflated")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
