"""The supervision tree as a plain page that reloads itself, for a browser on `/supervisor`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from ..actors.health import ChildHealth, Health

REFRESH_S = 2  #: seconds between reloads

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; }
h1 { font-size: 1.2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem; border-bottom: 1px solid #8884; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.running { color: #2a9d4a; } .starting, .backoff, .parked { color: #c77d00; }
.stuck, .failed, .stopped, .bad { color: #d33; } pre { overflow: auto; }
"""

_HEADINGS = ("child", "state", "restarts", "outages", "mailbox", "oldest s", "busy s", "up s")


def page(title: str, tree: Health, waiting: Mapping[str, str]) -> str:
    """One HTML document. *waiting* names what keeps the service from being ready."""
    verdict = "; ".join(f"{name}: {why}" for name, why in waiting.items())
    rows = "".join(_row(child, depth) for child, depth in _walk(tree.children, 0))
    errors = "".join(_error(child) for child in tree.walk())
    headings = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{REFRESH_S}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>"
        f'<p class="{"bad" if waiting else "running"}">{escape(verdict) or "ready"}'
        f" · loop lag {tree.loop_lag_ms:.1f} ms</p>"
        f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"
        f"{errors}</body></html>"
    )


def _walk(children: Iterable[ChildHealth], depth: int) -> Iterator[tuple[ChildHealth, int]]:
    for child in children:
        yield child, depth
        yield from _walk(child.children, depth + 1)


def _row(child: ChildHealth, depth: int) -> str:
    counts = (child.restarts, child.outages, child.depth)
    seconds = (f"{s:.1f}" for s in (child.oldest_s, child.busy_s, child.uptime_s))
    numbers = "".join(f'<td class="n">{number}</td>' for number in (*counts, *seconds))
    state = child.state.value
    return (
        f'<tr><td style="padding-left:{depth * 1.5 + 0.8}rem">{escape(child.name)}</td>'
        f'<td class="{state}">{state}</td>{numbers}</tr>'
    )


def _error(child: ChildHealth) -> str:
    error = child.last_error
    if error is None:
        return ""
    heading = escape(f"{child.name}: {error.type}: {error.message}")
    trace = escape(error.traceback)
    return f"<details><summary>{heading}</summary><pre>{trace}</pre></details>"
