"""`/metrics`: what a process counts, in the text formats of Prometheus.

Numbers are kept where they arise, as plain integers, and read at a scrape. Like
the health pages a scrape is a plain read (no message to an actor, no query), so
it answers while everything else is busy or broken.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from ..actors.meters import Spread

S = TypeVar("S")
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
#: Label values in the order of the labels, and the number.
Sample = tuple[tuple[str, ...], float | Spread]


@dataclass(frozen=True, slots=True)
class Metric(Generic[S]):
    """One line of a list of metrics.

    Attributes:
        read: the samples in one reading of the source; none: there is nothing to say.
    """

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    help: str
    read: Callable[[S], Iterable[Sample]]
    labels: tuple[str, ...] = ()

    def family(self, samples: Iterable[Sample] = ()) -> Family:
        """The metric with *samples*, in the library's own shape."""
        if self.kind == "histogram":
            return self._histogram(samples)
        family: CounterMetricFamily | GaugeMetricFamily
        if self.kind == "counter":
            family = CounterMetricFamily(self.name, self.help, labels=self.labels)
        else:
            family = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for values, number in samples:
            family.add_metric(values, number)  # type: ignore[arg-type]  # a number, by its kind
        return family

    def _histogram(self, samples: Iterable[Sample]) -> HistogramMetricFamily:
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for values, spread in samples:
            if isinstance(spread, Spread):
                # The library's own spelling of the last limit is "+Inf".
                buckets = [
                    ("+Inf" if bound == float("inf") else str(bound), count)
                    for bound, count in spread.buckets()
                ]
                family.add_metric(values, buckets, spread.total_s)
        return family


class Metrics:
    """All metrics of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="touchline", registry=self.registry)

    def show(self, source: Callable[[], S], *metrics: Metric[S]) -> None:
        """Show *metrics*, read from what *source* returns, once a scrape.

        Raises:
            ValueError: one of them is shown already.
        """
        self.registry.register(_Shown(source, metrics))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition in the format that *accept* prefers, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _Shown(Generic[S]):
    """What the library calls a collector."""

    def __init__(self, source: Callable[[], S], metrics: Iterable[Metric[S]]) -> None:
        self._source = source
        self._metrics = tuple(metrics)

    def describe(self) -> Iterator[Family]:
        return (metric.family() for metric in self._metrics)

    def collect(self) -> Iterator[Family]:
        source = self._source()
        return (metric.family(metric.read(source)) for metric in self._metrics)
