"""The supervision tree as a plain page that reloads itself, for a browser on `/supervisor`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

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
_NUMBERS = ("restarts", "outages", "mailbox", "oldest_s", "busy_s", "uptime_s")


def page(title: str, tree: Mapping[str, Any], waiting: Mapping[str, str]) -> str:
    """One HTML document. *waiting* names what keeps the service from being ready."""
    verdict = "; ".join(f"{name}: {why}" for name, why in waiting.items())
    rows = "".join(_row(child, depth) for child, depth in _walk(tree, 0))
    errors = "".join(_error(child) for child, _ in _walk(tree, 0))
    headings = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{REFRESH_S}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>"
        f'<p class="{"bad" if waiting else "running"}">{escape(verdict) or "ready"}'
        f" · loop lag {_number(tree.get('loop_lag_ms'))} ms</p>"
        f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"
        f"{errors}</body></html>"
    )


def _walk(node: Mapping[str, Any], depth: int) -> Iterator[tuple[Mapping[str, Any], int]]:
    for child in node.get("children") or ():
        yield child, depth
        yield from _walk(child, depth + 1)


def _row(child: Mapping[str, Any], depth: int) -> str:
    state = escape(str(child["state"]))
    numbers = "".join(f'<td class="n">{_number(child.get(name))}</td>' for name in _NUMBERS)
    name = escape(str(child["name"]))
    return (
        f'<tr><td style="padding-left:{depth * 1.5 + 0.8}rem">{name}</td>'
        f'<td class="{state}">{state}</td>{numbers}</tr>'
    )


def _error(child: Mapping[str, Any]) -> str:
    error = child.get("last_error")
    if not error:
        return ""
    heading = f"{child['name']}: {error['type']}: {error['message']}"
    trace = escape(str(error.get("traceback") or ""))
    return f"<details><summary>{escape(heading)}</summary><pre>{trace}</pre></details>"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    return "" if value is None else escape(str(value))
