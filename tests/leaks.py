"""A plugin that fails the test after which a secret is in a log: of this process, or of a service.

What is looked for is what has the shape of one of our secrets (every JSON Web Token, ours, Google's
or made up; every refresh token; every private key), and each value that a service was given as a
secret. In this process logs are not scrubbed, so nothing may so much as try to log one. Of what a
service writes what is looked at is what is left after `services/scrub.py`.

Source: docs/security.md, "Secrets".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

import pytest
import structlog

#: What a secret of ours looks like, whoever has made it.
SHAPES: Mapping[str, re.Pattern[str]] = {
    "a JSON Web Token": re.compile(r"\bey[\w-]{8,}\.ey[\w-]{4,}\.[\w-]{16,}"),
    "a refresh token": re.compile(r"\btlr_[\w-]{60,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\S{16}"),
}
#: Settings that are secret as a whole, and addresses that may hold a password.
SECRET_SETTINGS = (
    *("JWT_PRIVATE_KEY", "JWT_PREVIOUS_KEY"),
    *("GOOGLE_CLIENT_SECRET", "SPORTMONKS_TOKEN"),
)
ADDRESSES = ("REDIS_URL", "DATABASE_URL")
LEAST = 8  #: characters; a shorter one is a word that a line may have for another reason

_known: dict[str, str] = {}
_found: list[str] = []


def know(name: str, secret: str) -> None:
    """Look for *secret*, and for each line of it, from now on."""
    for part in secret.replace("\\n", "\n").splitlines():
        if len(part) >= LEAST and not part.startswith("-----"):
            _known[part] = name


def know_settings(settings: Mapping[str, str]) -> None:
    """Look for what is secret in the environment of a service."""
    for name in SECRET_SETTINGS:
        know(name, settings.get(name, ""))
    for name in ADDRESSES:
        # A URL that cannot be read is given to a service to see what it says of it.
        password = re.search(r"://[^/?#@]*?:([^@\s]+)@", settings.get(name, ""))
        for spelled in (password[1], unquote(password[1])) if password else ():
            know(f"the password of {name}", spelled)


def secrets_in(text: str) -> Iterator[str]:
    """What secrets are in *text*, without quoting any."""
    for kind, shape in SHAPES.items():
        if shape.search(text):
            yield kind
    yield from {name for secret, name in _known.items() if secret in text}


def heard(where: str, text: str) -> None:
    """Look at what *where* has said; the test that runs fails if there is a secret in it."""
    _found.extend(f"{what} in {where}" for what in secrets_in(text))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "says_secrets(why): what the test prints is not a log")
    # Where rich is installed structlog draws tracebacks in boxes, and breaks a secret in two.
    plain = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[misc]  # what the hooks below have made
    if report.when == "teardown":
        if item.get_closest_marker("says_secrets") is None:
            for name, text in report.sections:
                heard(name, text)
        if _found:
            report.outcome = "failed"
            report.longrepr = "secrets were logged: " + "; ".join(dict.fromkeys(_found))
            _found.clear()
    return report  # type: ignore[return-value]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for what was said after its last test."""
    if _found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for each in dict.fromkeys(_found):
        terminalreporter.write_line(f"a secret was logged: {each}", red=True)
