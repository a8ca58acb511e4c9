"""/metrics: each name is documented and conventional, and a scrape needs nobody's help."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from touchline.actors.address import Addresses
from touchline.actors.feeds.pace import Pace
from touchline.config import Servers
from touchline.domain.bots import BotTerms
from touchline.domain.clock import system_calendar
from touchline.http.health import HealthApp
from touchline.http.keys import new_keypair
from touchline.http.metrics import Metrics
from touchline.services import api_server, flusher, ws_server
from touchline.services.health import ServiceHealth
from touchline.services.stores import open_stores
from werkzeug.test import Client

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"
ROW = re.compile(r"^\| `(touchline_\w+)` \| (\w+) \|([^|]*)\|[^|]+\|[^|]*\|$", re.MULTILINE)
AWAY = Servers("redis://127.0.0.1:9/0", "postgresql://u:p@127.0.0.1:9/d", "")
#: Of Prometheus' naming rules: units other than the base ones, and names that say the type.
BAD_WORDS = {"ms", "millis", "milliseconds", "minutes", "hours", "kb", "mb", "bits", "percent"}
TIMES = {"age", "lag", "oldest", "busy", "answer", "request"}
BAD_SUFFIXES = ("_count", "_sum", "_bucket", "_gauge", "_counter", "_histogram")


@pytest.fixture
def health() -> Iterator[ServiceHealth]:
    """The health of a process with all duties, none of which runs; its servers are away."""
    stores = open_stores(AWAY, "tests", connections=1)
    health = ServiceHealth("up", stores)
    private_key, public_keys = new_keypair()
    addresses = Addresses()
    flusher.children(stores, health, 0.1, system_calendar)
    door = ws_server.Door(
        host="127.0.0.1", port=0, public_keys=public_keys, origins=(), capacity=10
    )
    ws_server.children(stores, addresses, health, system_calendar, door)
    front = api_server.Front(
        host="127.0.0.1",
        port=0,
        private_key=private_key,
        public_keys=public_keys,
        ws_url=lambda: "ws://h/ws",
        inplay_delay_ms=0,
        outbox_max=1,
        auth_dev=False,
        bots=BotTerms(seed=1, daily_loss_e4=1),
    )
    api_server.children(stores, addresses, health, system_calendar, Pace.at(1), lambda: None, front)
    yield health
    stores.close()


def shown(metrics: Metrics) -> dict[str, Metric]:
    """Every metric by its full name."""
    return {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in metrics.registry.collect()
    }


def documented() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Type and labels of every metric in the table of docs/operations.md."""
    section = OPERATIONS.read_text(encoding="utf-8").partition("\n## Metrics\n")[2]
    rows = ROW.findall(section.partition("\n## ")[0])
    assert rows
    return {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def test_the_metrics_shown_are_those_documented_with_their_types_and_labels(
    health: ServiceHealth,
) -> None:
    live = {
        name: (family.type, tuple(getattr(family, "_labelnames", ())))
        for name, family in shown(health.metrics).items()
    }

    assert live == documented()


def test_no_metric_is_documented_twice() -> None:
    rows = re.findall(r"^\| `(touchline_\w+)` \|", OPERATIONS.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(documented())


def test_the_names_keep_the_conventions_of_prometheus(health: ServiceHealth) -> None:
    offenders = [
        name
        for name, family in shown(health.metrics).items()
        if not re.fullmatch(r"touchline_[a-z][a-z0-9_]*", name)
        or (family.type == "counter") != name.endswith("_total")
        or set(name.split("_")) & BAD_WORDS
        or name.endswith(BAD_SUFFIXES)
        or (family.type == "histogram" and not name.endswith(("_seconds", "_bytes")))
        or (set(name.split("_")) & TIMES and "_seconds" not in name)
        or not family.documentation.strip()
        or family.documentation == name
    ]

    assert offenders == []


def test_no_label_is_one_that_prometheus_gives_itself(health: ServiceHealth) -> None:
    labels = {
        label
        for family in shown(health.metrics).values()
        for label in getattr(family, "_labelnames", ())
    }

    assert labels & {"job", "instance", "le", "quantile", "user", "token", "request_id"} == set()


def test_a_scrape_parses_and_contains_every_documented_name(health: ServiceHealth) -> None:
    answer = Client(HealthApp(health)).get("/metrics")
    parsed = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(answer.text)
    }

    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert parsed == set(documented())


def test_who_asks_for_openmetrics_gets_it(health: ServiceHealth) -> None:
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    answer = Client(HealthApp(health)).get("/metrics", headers=accept)

    families = list(openmetrics.text_string_to_metric_families(answer.text))

    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert len(families) == len(documented())


def test_a_scrape_asks_no_server_for_anything(health: ServiceHealth) -> None:
    # Both are away: whatever asked them would raise or take its time.
    assert Client(HealthApp(health)).get("/metrics").status_code == 200


def test_what_one_process_shows_another_does_not(health: ServiceHealth) -> None:
    stores = open_stores(AWAY, "tests", connections=1)
    other = ServiceHealth("flusher", stores)
    stores.close()

    missing = shown(health.metrics).keys() - shown(other.metrics).keys()

    assert {"touchline_trades_total", "touchline_hub_seats", "touchline_flush_rows_total"} < missing


def test_a_name_that_is_shown_twice_is_refused(health: ServiceHealth) -> None:
    stores = open_stores(AWAY, "tests", connections=1)
    with pytest.raises(ValueError, match="touchline_flush_rows"):
        flusher.children(stores, health, 0.1, system_calendar)
    stores.close()


def test_the_dashboard_asks_for_documented_metrics_and_their_labels_alone() -> None:
    known = {
        name + suffix: set(labels)
        for name, (kind, labels) in documented().items()
        for suffix in (("_bucket",) if kind == "histogram" else ("",))
    }
    panels = [p for p in json.loads(DASHBOARD.read_text())["panels"] if p["type"] != "row"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    asked = {query: set(re.findall(r"touchline_\w+", query)) for query in queries}
    grouped = {query: re.findall(r"by \(([^)]*)\)", query) for query in queries}

    assert len(queries) > 30
    assert {name for names in asked.values() for name in names} <= set(known)
    assert [
        query
        for query, names in asked.items()
        for label in ", ".join(grouped[query]).split(", ")
        if label not in {"", "le", "instance"} | {one for name in names for one in known[name]}
    ] == []
