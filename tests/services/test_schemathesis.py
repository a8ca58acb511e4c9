"""A running Touchline is asked for what its own OpenAPI document promises, and for much else."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from tests.fakes.unlimited import UNLIMITED
from tests.running import Up, plain_environment

#: What no answer may be.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
EXAMPLES = 5  #: of each operation, besides those that follow from the limits in its schema
#: What ends the session it is asked with is asked with one that nothing else needs.
ENDS_SESSIONS = ("/v1/auth/logout", "/v1/sessions/{session_id}")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    data_dir = tmp_path_factory.mktemp("asked") / "data"
    with Up(data_dir, "--season", "7", settings=UNLIMITED) as running:
        yield running


def token(up: Up, email: str) -> str:
    return str(up.post("/v1/auth/dev-login", {"email": email})["access_token"])


def admin_token(up: Up, email: str) -> str:
    token(up, email)
    command = (sys.executable, "-m", "touchline", "admin", "grant", email)
    subprocess.run(
        [*command, "--data-dir", str(up.data_dir)],
        env=plain_environment(),
        check=True,
        capture_output=True,
    )
    return token(up, email)


def settings(up: Up, holder: str, disposable: str) -> dict[str, Any]:
    return {
        "seed": 1,
        "base-url": up.api,
        "headers": {"Authorization": f"Bearer {holder}"},
        "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
        "dictionaries": {
            "clubs": {"values": ["1", "THO"]},
            "children": {"values": ["hub-3", "hub-5"]},  # nobody is connected to them
            "small": {"values": [1, 2, 5]},
        },
        # Made-up names meet nothing but 404.
        "parameters": {
            "path.instrument": {"dictionary": "clubs", "probability": 0.7},
            "path.name": {"dictionary": "children", "probability": 0.5},
        },
        "generation": {
            "deterministic": True,
            "max-examples": EXAMPLES,
            "database": "none",
            "no-shrink": True,
            "dictionaries": {"integer": {"dictionary": "small", "probability": 0.5}},
        },
        "phases": {
            # There are no links in the document; those that could be guessed end sessions.
            "stateful": {"enabled": False},
            # Operations say nothing of other methods than theirs; the 405 has tests of its own.
            "coverage": {"unexpected-methods": []},
        },
        "operations": [
            *(
                {"include-path": path, "headers": {"Authorization": f"Bearer {disposable}"}}
                for path in ENDS_SESSIONS
            ),
            {
                # It takes a tuple within a list apart wrongly; tests/api/watched.py judges it.
                "include-path": "/v1/instruments/{instrument}/candles",
                "checks": {"response_schema_conformance": {"enabled": False}},
            },
        ],
    }


def asked(
    up: Up, holder: str, disposable: str, below: str
) -> tuple[list[str], set[str], Counter[int]]:
    """What is wrong with the answers to *holder*, what was asked for, and the answers by status."""
    config = SchemathesisConfig.from_dict(settings(up, holder, disposable))
    document = up.get("/openapi.json")
    document["paths"] = {path: one for path, one in document["paths"].items() if below in path}
    schema = schemathesis.openapi.from_dict(document, config=config)
    faults: list[str] = []
    operations: set[str] = set()
    answers: Counter[int] = Counter()
    for event in from_schema(schema).execute():
        faults += faults_of(event)
        if isinstance(event, events.ScenarioFinished):
            operations.add(event.recorder.label)
            for each in event.recorder.interactions.values():
                answers[each.response.status_code if each.response else 0] += 1
    return faults, operations, answers


def faults_of(event: events.EngineEvent) -> Iterator[str]:
    if isinstance(event, events.NonFatalError):
        yield f"{event.label}: {event.value!r}"
    if isinstance(event, events.FatalError):
        yield repr(event.exception)
    if isinstance(event, events.ScenarioFinished):
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    sent = event.recorder.interactions[case_id].request
                    yield f"{sent.method} {sent.uri}: {check.failure_info.failure}"


@pytest.mark.parametrize(
    ("role", "below"),
    [
        ("user", "/"),
        ("admin", "/v1/admin/"),  # elsewhere an admin is a user as any other
    ],
)
def test_nothing_is_answered_that_the_document_does_not_say(up: Up, role: str, below: str) -> None:
    email = f"{role}@example.com"
    holder = admin_token(up, email) if role == "admin" else token(up, email)
    described = {
        f"{method.upper()} {path}"
        for path, methods in up.get("/openapi.json")["paths"].items()
        for method in methods
        if below in path
    }

    faults, operations, answers = asked(up, holder, token(up, f"other-{email}"), below)

    assert faults == []
    assert operations == described
    assert not answers[0]
    assert answers[200] + answers[201] + answers[202] >= len(described)
    up.get("/v1/account", holder)  # nothing has ended the session meanwhile
