"""What the duties of the services show on `/metrics`: trades, the feed, the flush.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..actors.feeds.doubts import Doubt
from ..actors.meters import (
    FeedMeter,
    FlushMeter,
    OrderMeter,
    OutboxMeter,
    ReconcileMeter,
    Seen,
    TradeMeter,
)
from ..domain.clock import Calendar, Monotonic
from ..http.metrics import Metric, Metrics, Sample
from ..store.keys import State
from ..store.lease import Lease
from .metrics import by_label, single


@dataclass(frozen=True, slots=True)
class Feed:
    """The feed as this replica knows it; its age is known to the one that asks."""

    meter: FeedMeter
    lease: Lease
    calendar: Calendar

    def doubts(self) -> Mapping[str, int]:
        """Matches that are doubted, by why."""
        return self.meter.doubts if self.lease.held() else {}

    def age_s(self) -> float | None:
        """Calendar seconds since the last good look."""
        if self.meter.last_ok_ms is None or not self.lease.held():
            return None
        return max(0, self.calendar() - self.meter.last_ok_ms) / 1000


@dataclass(frozen=True, slots=True)
class Flush:
    """The way to Postgres as this replica knows it; its lag is known to the one that flushes."""

    meter: FlushMeter
    lease: Lease
    monotonic: Monotonic

    def lag_s(self) -> float | None:
        """Seconds since Postgres was level with Redis."""
        level_at = self.meter.level_at
        return self.monotonic() - level_at if level_at is not None and self.lease.held() else None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The last proof of the books, as the one knows it that makes them."""

    meter: ReconcileMeter
    lease: Lease
    monotonic: Monotonic

    def of_last(self, number: Callable[[ReconcileMeter], float]) -> float | None:
        """A *number* of the last run; None before one, and where the lease is not held."""
        return number(self.meter) if self.meter.ok is not None and self.lease.held() else None

    def age_s(self) -> float | None:
        """Seconds since the last run ended."""
        return self.of_last(lambda meter: self.monotonic() - meter.ended_at)


def show_market(metrics: Metrics, trades: TradeMeter, feed: Feed) -> None:
    """Show what an api-server's duties count."""
    metrics.show(lambda: trades, *TRADES)
    metrics.show(lambda: feed, *FEED)
    metrics.show(lambda: {"feed": feed.meter.ticks, "trade": trades.ticks}, *TICKS)


def show_orders(metrics: Metrics, orders: OrderMeter) -> None:
    """Show what the one that releases orders counts."""
    metrics.show(lambda: orders, *ORDERS)


def show_flush(metrics: Metrics, flush: Flush) -> None:
    """Show what a flusher's duties count."""
    metrics.show(lambda: flush, *FLUSH)


def show_reconciliation(metrics: Metrics, reconciliation: Reconciliation) -> None:
    """Show what came of the last proof of the books."""
    metrics.show(lambda: reconciliation, *RECONCILIATION)


def _by_stream(flush: Flush, number: Callable[[OutboxMeter], Seen]) -> Iterator[Sample]:
    """One sample a stream whose number is known."""
    for name, outbox in flush.meter.outboxes.items():
        yield from (((name.value,), value) for _, value in single(number(outbox).get()))


def _trades(meter: TradeMeter) -> Iterator[Sample]:
    unrefused = (("filled", ""), ("pending", ""), ("replayed", ""), ("unavailable", ""))
    for key in dict.fromkeys((*unrefused, *meter.results)):
        yield key, meter.results[key]


TRADES: tuple[Metric[TradeMeter], ...] = (
    Metric(
        "counter",
        "touchline_trades_total",
        "Orders answered, by result and, where they were refused, by code.",
        _trades,
        ("result", "code"),
    ),
    Metric(
        "histogram",
        "touchline_trade_answer_seconds",
        "From taking an order to its answer.",
        lambda meter: (((), meter.answers),),
    ),
    Metric(
        "counter",
        "touchline_trades_written_total",
        "Trades made and orders filed, by where they were durable when they were answered.",
        lambda meter: by_label(meter.written, "postgres", "redis"),
        ("durable",),
    ),
    Metric(
        "counter",
        "touchline_trade_batches_total",
        "Round trips to Redis that carried out orders.",
        lambda meter: single(meter.batches),
    ),
    Metric(
        "counter",
        "touchline_trade_batch_orders_total",
        "Orders in those round trips.",
        lambda meter: single(meter.batched),
    ),
)

ORDERS: tuple[Metric[OrderMeter], ...] = (
    Metric(
        "gauge",
        "touchline_orders_waiting",
        "Orders that wait in play, as last looked at; where the lease is held.",
        lambda meter: single(meter.waiting.get()),
    ),
    Metric(
        "counter",
        "touchline_orders_released_total",
        "Orders that waited, by what became of them.",
        lambda meter: by_label(meter.results, "filled", "rejected"),
        ("result",),
    ),
)

FEED: tuple[Metric[Feed], ...] = (
    Metric(
        "gauge",
        "touchline_feed_age_seconds",
        "Calendar time since the last good look at the feed; where the lease is held.",
        lambda feed: single(feed.age_s()),
    ),
    Metric(
        "counter",
        "touchline_feed_calls_total",
        "Questions to the feed, by what was asked for and how it ended.",
        lambda feed: (
            ((asking, result), feed.meter.calls[asking, result])
            for asking in ("looks", "listing", "reviews")
            for result in ("ok", "failed")
        ),
        ("asking", "result"),
    ),
    Metric(
        "gauge",
        "touchline_feed_calls_left",
        "Calls left of the plan's allowance, as last heard.",
        lambda feed: single(feed.meter.calls_left),
    ),
    Metric(
        "gauge",
        "touchline_feed_doubts",
        "Matches that the feed cannot be right about, by why, as the one that reads it has found.",
        lambda feed: by_label(feed.doubts(), *Doubt),
        ("why",),
    ),
    Metric(
        "counter",
        "touchline_fixtures_settled_total",
        "Matches whose result was carried out.",
        lambda feed: single(feed.meter.settled),
    ),
    Metric(
        "counter",
        "touchline_fixtures_corrected_total",
        "Results that the feed has put right after they were carried out.",
        lambda feed: single(feed.meter.corrected),
    ),
)

TICKS: tuple[Metric[Mapping[str, int]], ...] = (
    Metric(
        "counter",
        "touchline_ticks_total",
        "Prices published, by what moved them.",
        by_label,
        ("source",),
    ),
)

FLUSH: tuple[Metric[Flush], ...] = (
    Metric(
        "counter",
        "touchline_flush_rows_total",
        "States written to Postgres, by kind.",
        lambda flush: by_label(flush.meter.rows, *State),
        ("state",),
    ),
    Metric(
        "counter",
        "touchline_flush_facts_total",
        "Facts brought to Postgres after the answer to their owner, by who did it.",
        lambda flush: by_label(flush.meter.facts, "flusher", "drainer"),
        ("by",),
    ),
    Metric(
        "gauge",
        "touchline_flush_lag_seconds",
        "Time since Postgres was level with Redis; where the lease is held.",
        lambda flush: single(flush.lag_s()),
    ),
    Metric(
        "gauge",
        "touchline_flush_backlog_rows",
        "States that the last flush left dirty.",
        lambda flush: single(flush.meter.backlog),
    ),
    Metric(
        "gauge",
        "touchline_flush_refused_rows",
        "States that Postgres refused at the last flush.",
        lambda flush: single(flush.meter.refused),
    ),
    Metric(
        "gauge",
        "touchline_outbox_entries",
        "Facts in a stream, as last read before a drain.",
        lambda flush: _by_stream(flush, lambda outbox: outbox.entries),
        ("stream",),
    ),
    Metric(
        "gauge",
        "touchline_outbox_oldest_seconds",
        "Age of the oldest fact in a stream, as last read before a drain.",
        lambda flush: _by_stream(flush, lambda outbox: outbox.oldest_s),
        ("stream",),
    ),
    Metric(
        "gauge",
        "touchline_outbox_parked_rows",
        "Facts that Postgres refuses, as last read.",
        lambda flush: _by_stream(flush, lambda outbox: outbox.parked),
        ("stream",),
    ),
)

RECONCILIATION: tuple[Metric[Reconciliation], ...] = (
    Metric(
        "gauge",
        "touchline_reconcile_ok",
        "1 if the last proof of the books found nothing wrong; where the lease is held.",
        lambda last: single(last.of_last(lambda meter: bool(meter.ok))),
    ),
    Metric(
        "gauge",
        "touchline_reconcile_duration_seconds",
        "How long it took.",
        lambda last: single(last.of_last(lambda meter: meter.took_s)),
    ),
    Metric(
        "gauge",
        "touchline_reconcile_age_seconds",
        "Time since it ended.",
        lambda last: single(last.age_s()),
    ),
)
