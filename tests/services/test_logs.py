"""What is said by whomever comes out as one JSON object a line, and says whose it is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"
START = """
from gevent import monkey
monkey.patch_all()
import gc, logging, sys, threading, warnings
import gevent
import structlog
from structlog.contextvars import bind_contextvars
from touchline.services.logs import configure_logs, name_process
configure_logs()
name_process("api-server", "host-1a2b3c")
log = structlog.get_logger("tests")
"""


def said(code: str) -> list[dict[str, Any]]:
    """What a process that runs *code* writes to stderr, a JSON object a line."""
    ended = subprocess.run(
        [sys.executable, "-c", START + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_a_line_has_its_time_level_event_service_replica_and_child() -> None:
    (line,) = said("log.info('something happened', count=3)")

    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset().total_seconds() == 0
    assert line == {
        "event": "something happened",
        "count": 3,
        "level": "info",
        "service": "api-server",
        "replica": "host-1a2b3c",
        "child": "main",
    }


@pytest.mark.parametrize(
    ("code", "level", "event"),
    [
        ("logging.getLogger('urllib3').warning('retry %d', 3)", "warning", "retry 3"),
        ("warnings.warn('old ways')", "warning", "old ways"),
        ("raise ValueError('boom')", "critical", "uncaught exception"),
        ("gevent.spawn(lambda: 1 / 0).join()", "error", "greenlet failed"),
        (
            "gevent.get_hub().loop.run_callback(lambda: 1 / 0); gevent.sleep(0.01)",
            "error",
            "greenlet failed",
        ),
        ("t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()", "error", "thread"),
        (
            "class Bad:\\n    def __del__(self):\\n        1 / 0\\nBad(); gc.collect()",
            "error",
            "exception ignored",
        ),
    ],
    ids=["logging", "warning", "uncaught", "greenlet", "callback", "thread", "unraisable"],
)
def test_what_others_say_comes_the_same_way(code: str, level: str, event: str) -> None:
    (line,) = said(code.replace("\\n", "\n"))

    assert line["level"] == level
    assert event in line["event"]
    assert line.keys() >= {"timestamp", "service", "replica", "child"}


def test_a_traceback_is_on_the_line_it_belongs_to() -> None:
    (line,) = said("try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('failed')")

    assert line["exception"].startswith("Traceback (most recent call last):")
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


def test_a_greenlet_begins_without_the_child_of_whoever_spawned_it() -> None:
    # What gevent does today, and what the names on the lines rest on.
    lines = said(
        "bind_contextvars(child='a', request_id='1')\n"
        "gevent.spawn(lambda: log.info('inner')).join()\n"
        "log.info('outer')"
    )

    assert [(line["event"], line["child"]) for line in lines] == [("inner", "main"), ("outer", "a")]
    assert "request_id" not in lines[0]


def test_a_line_about_another_child_names_that_one() -> None:
    (line,) = said("bind_contextvars(child='a')\nlog.info('child stopped', child='b')")

    assert line["child"] == "b"


def test_no_secret_passes_by_any_way() -> None:
    lines = said(
        "hush = 'postgresql://u:hushhush@h/d?token=hushhush'\n"
        "log.info('event ' + hush, field=hush, deep={'a': [hush]}, password='hushhush')\n"
        "logging.getLogger('x').error('%s and %r', hush, {'Authorization': 'Bearer hushhush'})\n"
        "warnings.warn(hush)\n"
        "def fail(hush): raise ValueError(hush)\n"
        "gevent.spawn(fail, hush).join()\n"
        "fail(hush)"
    )

    assert len(lines) == 5
    assert "hushhush" not in json.dumps(lines)


def test_what_json_cannot_hold_is_written_all_the_same() -> None:
    (line,) = said("log.info('odd', n=float('nan'), k={1: b'x', (2,): {3}}, o=object, s='\\ud800')")

    assert (line["n"], line["k"]) == ("nan", {"1": "b'x'", "(2,)": [3]})


def test_the_line_with_which_a_boot_is_refused_has_no_secret_either() -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "touchline", "flusher"],
        env={"REDIS_URL": "redis://h/0", "DATABASE_URL": "postgresql://h/d"}
        | {"FLUSH_INTERVAL": "redis://u:hushhush@h/0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert refused.returncode == 2
    assert refused.stderr.startswith("touchline: FLUSH_INTERVAL: ")
    assert "hushhush" not in refused.stderr


def test_in_a_terminal_a_line_is_for_people() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", START + "configure_logs(terminal=True)\nlog.info('hello', n=1)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "hello" in ended.stderr
    assert not ended.stderr.startswith("{")


def test_each_line_that_is_worth_an_alert_is_one_that_the_code_writes() -> None:
    section = (
        OPERATIONS.read_text(encoding="utf-8").partition("\n## Logs\n")[2].partition("\n## ")[0]
    )
    alerts = section.partition("Lines worth an alert")[2]
    documented = {
        event
        for row in re.findall(r"^\| (`.*?) \| (?:error|warning|critical)", alerts, re.MULTILINE)
        for event in re.findall(r"`([^`]+)`", row)
    }
    folders = ("actors", "http", "services", "store")
    source = "".join(p.read_text() for f in folders for p in (ROOT / f).rglob("*.py"))

    assert len(documented) > 20
    assert [event for event in documented if f'"{event}"' not in source] == []


def test_a_log_that_cannot_be_written_ends_nobody() -> None:
    code = "log.error('lost'); logging.getLogger('urllib3').error('lost too'); print('went on')"

    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", START + code],
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.stdout == "went on\n"
