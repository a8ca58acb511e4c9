"""What looks for secrets in the logs of every test finds them, and a test that logs one fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from touchline.http.keys import new_keypair
from touchline.http.refresh_tokens import RefreshTokens
from touchline.http.tokens import Signer

from tests import leaks
from tests.embedded_process import REPOSITORY
from tests.running import plain_environment

PRIVATE, PUBLIC = new_keypair()
SIGNER = Signer(PRIVATE)
SECRETS = {
    "access token": SIGNER.access_token(5, "s"),
    "ws token": SIGNER.ws_token(5, "s"),
    "refresh token": RefreshTokens(b"k" * 32).first("7b9c1a52-6c1e-4f0e-9a53-0d2f3d1f8a11").text,
    "private key": PRIVATE,
    "RSA key": new_keypair("RS256")[0],
    "EC key": new_keypair("ES256")[0],
}
STORY = """
import pytest
import structlog
from tests import leaks

log = structlog.get_logger()

def test_who_logs_a_secret(): log.info("signed in", token={token!r})

def test_who_prints_one_in_a_traceback():
    try:
        raise ValueError("cannot use " + {token!r})
    except ValueError:
        log.exception("failed")

def test_who_starts_what_logs_one(): leaks.heard("a service", "GET /ws?token=" + {token!r})

def test_who_logs_the_value_of_a_setting():
    leaks.know_settings({{"DATABASE_URL": "postgresql://u:p%40ssw0rd-of-ours@h/d"}})
    log.info("cannot connect", why="no entry for p@ssw0rd-of-ours")

@pytest.mark.says_secrets("that is what it is for")
def test_who_may(): print({token!r})

def test_who_logs_nothing(): log.info("all is well", token="...")
"""


@pytest.mark.parametrize("name", SECRETS)
def test_every_kind_of_secret_is_known_for_one(name: str) -> None:
    assert list(leaks.secrets_in(f"GET /ws?x={SECRETS[name]} HTTP/1.1"))
    assert not list(leaks.secrets_in(f"GET /ws?x={SECRETS[name][:9]}… HTTP/1.1 {PUBLIC}"))


def test_a_test_that_logs_a_secret_fails_and_says_which_without_quoting_it(tmp_path: Path) -> None:
    token = SECRETS["access token"]
    (tmp_path / "test_story.py").write_text(STORY.format(token=token))

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.leaks", "-p", "no:cacheprovider", "-rA",
         "--tb=short", "--show-capture=no", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env=plain_environment() | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "6 passed, 4 errors" in ran.stdout
    failed = {
        line.split("::")[1].split(" ")[0]
        for line in ran.stdout.splitlines()
        if "ERROR" in line and "::" in line
    }
    assert failed == {
        "test_who_logs_a_secret",
        "test_who_prints_one_in_a_traceback",
        "test_who_starts_what_logs_one",
        "test_who_logs_the_value_of_a_setting",
    }
    assert "a JSON Web Token in a service" in ran.stdout
    assert "the password of DATABASE_URL in Captured stdout call" in ran.stdout
    assert token not in ran.stdout
    assert "p@ssw0rd-of-ours" not in ran.stdout


def test_what_is_said_after_the_last_test_fails_the_run(tmp_path: Path) -> None:
    story = """
import pytest
from tests import leaks

@pytest.fixture(scope="session", autouse=True)
def service(request):
    yield
    leaks.heard("a service that stops last", {token!r})

def test_nothing(): pass
"""
    (tmp_path / "test_story.py").write_text(story.format(token=SECRETS["ws token"]))

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.leaks", "-p", "no:cacheprovider",
         "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env=plain_environment() | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "a JSON Web Token in a service that stops last" in ran.stdout
