"""What was refused for being asked too often, for `/metrics`.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

from ..http.metrics import Metric, Metrics
from ..http.quotas import Quotas


def show_quotas(metrics: Metrics, quotas: Quotas) -> None:
    """Show what was beyond which quota."""
    metrics.show(lambda: quotas, *QUOTAS)


QUOTAS: tuple[Metric[Quotas], ...] = (
    Metric(
        "counter",
        "touchline_rate_limited_total",
        "Requests that were refused because a quota was used up.",
        lambda quotas: [((policy,), count) for policy, count in quotas.refused.items()],
        ("policy",),
    ),
)
