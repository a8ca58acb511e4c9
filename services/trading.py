"""The duties on the path of a trade, and what they show on `/metrics`.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

from ..actors.address import Addresses
from ..actors.meters import OrderMeter, PressureMeter, TradeMeter
from ..actors.trading.executor import TradeExecutor
from ..actors.trading.order_releaser import OrderReleaser
from ..actors.trading.pressure_gauge import PressureGauge
from ..actors.trading.writer import TradeWriter
from ..domain.clock import Calendar
from ..store.lease import Lease
from ..store.pressure import load
from ..store.release import Release
from ..store.scanner import Scanner
from .duty_metrics import show_orders
from .health import ServiceHealth
from .pressure_metrics import show_pressure
from .stores import Stores


@dataclass(frozen=True, slots=True)
class Trading:
    """What the duties share, and what outlives their incarnations."""

    stores: Stores
    addresses: Addresses
    calendar: Calendar
    scanner: Scanner
    release_lease: Lease
    outbox_max: int  #: facts that may wait for Postgres before new trades pause
    trades: TradeMeter = field(default_factory=TradeMeter)
    orders: OrderMeter = field(default_factory=OrderMeter)
    pressure: PressureMeter = field(default_factory=PressureMeter)

    def gauge(self) -> PressureGauge:
        """One incarnation of `pressure-gauge`."""
        look = partial(load, self.stores.redis, self.stores.keys)
        return PressureGauge(look, self.outbox_max, self.pressure)

    def writer(self) -> TradeWriter:
        """One incarnation of `trade-writer`."""
        return TradeWriter(self.stores.facts, self.stores.ledger, self.trades)

    def executor(self) -> TradeExecutor:
        """One incarnation of `trade-executor`."""
        writer = self.addresses.of("trade-writer")
        return TradeExecutor(self.stores.scripts, writer, self.trades)

    def releaser(self) -> OrderReleaser:
        """One incarnation of `order-releaser`."""
        stores = self.stores
        release = Release(stores.orders, stores.hot, stores.scripts, self.scanner)
        lease, calendar = self.release_lease, self.calendar
        return OrderReleaser(release, lease, calendar, time.monotonic, self.orders, self.trades)


def trading(
    stores: Stores,
    addresses: Addresses,
    health: ServiceHealth,
    calendar: Calendar,
    scanner: Scanner,
    outbox_max: int,
) -> Trading:
    """The duties over *stores*, shown by *health*."""
    lease = health.lease("order-release")
    made = Trading(stores, addresses, calendar, scanner, lease, outbox_max)
    show_orders(health.metrics, made.orders)
    show_pressure(health.metrics, made.pressure)
    return made
