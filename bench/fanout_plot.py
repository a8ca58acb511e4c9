"""Draws what bench/fanout.py has found: CPU and latency over the number of clients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fanout_install import CACHE, install

PANELS = (
    ("us_a_message", "CPU of the server, µs a message"),
    ("p99_ms", "latency, p99, ms"),
)


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    """Write the plot as an SVG, with matplotlib from where the peers are."""
    if "matplotlib" not in install({"matplotlib"}).names:
        return
    sys.path.append(str(CACHE / "python"))
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "fan-out"  # the same figures, the same file
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(PANELS), figsize=(11, 4.2), constrained_layout=True)
    for (column, label), panel in zip(PANELS, panels, strict=True):
        for server in dict.fromkeys(row["server"] for row in rows):
            mine = [row for row in rows if row["server"] == server]
            width = 2.5 if server == "hub" else 1.2
            sizes = [row["clients"] for row in mine]
            panel.plot(
                sizes, [row[column] for row in mine], marker="o", linewidth=width, label=server
            )
        panel.set(xlabel="clients, ten updates a second each", ylabel=label)
        panel.set(xscale="log", ylim=(0, None) if column == "us_a_message" else None)
    panels[1].set(yscale="log")
    panels[0].legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})
