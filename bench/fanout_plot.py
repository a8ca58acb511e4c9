"""Draws what bench/fanout.py has found: CPU and latency over the number of clients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fanout_install import CACHE, install

PANELS = (
    ("us_a_message", "CPU of the server, µs a message", "linear"),
    ("p99_ms", "latency, p99, ms", "log"),
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
    sizes = sorted({row["clients"] for row in rows})
    for (column, label, scale), panel in zip(PANELS, panels, strict=True):
        for server in dict.fromkeys(row["server"] for row in rows):
            mine = [row for row in rows if row["server"] == server]
            panel.plot(
                [row["clients"] for row in mine],
                [row[column] for row in mine],
                marker="o",
                linewidth=2.5 if server == "hub" else 1.2,
                label=server,
            )
        panel.set(xlabel="clients, ten updates a second each", ylabel=label)
        panel.set(xscale="log", yscale=scale)
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    panels[0].set_ylim(bottom=0)
    panels[0].legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})
