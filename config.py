"""Settings of the three services, read from the environment once, strictly.

This is the only module that reads the environment. A wrong value, a missing
one or a name that looks like a misspelt setting stops the boot with one line
that names it (`SettingError`); nothing starts on a guess.

Source: docs/operations.md, "Settings".
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psycopg2
import redis

T = TypeVar("T")

#: Prefixes that belong to us: any other name under them is a mistake.
OUR_PREFIXES = ("API_", "AUTH_", "BOT_", "FLUSH", "JWT_", "SPORTMONKS_", "TOUCHLINE_", "WS_")
#: Kubernetes injects these beside every Service, whatever its name.
INJECTED = re.compile(r"_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$")
#: Read by the tests alone.
TEST_ONLY = frozenset({"TOUCHLINE_TEST_DATABASE_URL", "TOUCHLINE_TEST_REDIS_URL"})


class SettingError(Exception):
    """A setting is missing, wrong or unknown; the text is the one line to show."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two external servers are, and the tag put before every hot key."""

    redis_url: str
    database_url: str
    key_tag: str


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What `touchline api-server` runs on."""

    servers: Servers
    host: str
    port: int
    private_key: str
    public_keys: str
    ws_url: str
    sportmonks_url: str
    sportmonks_token: str
    auth_dev: bool
    flusher_embedded: bool
    flush_interval_s: float


@dataclass(frozen=True, slots=True)
class WsSettings:
    """What `touchline ws-server` runs on; public keys only, it can never sign."""

    servers: Servers
    host: str
    port: int
    public_keys: str
    origins: tuple[str, ...]
    capacity: int


@dataclass(frozen=True, slots=True)
class FlusherSettings:
    """What `touchline flusher` runs on; `health_port` is None where it has no port."""

    servers: Servers
    host: str
    flush_interval_s: float
    health_port: int | None


def api_settings(environ: Mapping[str, str]) -> ApiSettings:
    """Read the api-server's settings. Raises SettingError."""
    env = _Environment(environ)
    if env.flag("BOT_ENABLED"):
        raise SettingError("BOT_ENABLED=1: this version has no bot engine; unset it")
    return ApiSettings(
        servers=_servers(env),
        host=env.text("BIND_ADDRESS"),
        port=env.port("API_PORT"),
        private_key=env.secret("JWT_PRIVATE_KEY"),
        public_keys=env.jwks("JWT_PUBLIC_KEYS"),
        ws_url=env.url("WS_PUBLIC_URL", ("ws", "wss"), _web_address),
        sportmonks_url=env.url("SPORTMONKS_URL", ("http", "https"), _web_address),
        sportmonks_token=env.token("SPORTMONKS_TOKEN"),
        auth_dev=env.flag("AUTH_DEV"),
        flusher_embedded=env.flag("FLUSHER_EMBEDDED"),
        flush_interval_s=env.duration("FLUSH_INTERVAL"),
    )


def ws_settings(environ: Mapping[str, str]) -> WsSettings:
    """Read the ws-server's settings. Raises SettingError."""
    env = _Environment(environ)
    if environ.get("JWT_PRIVATE_KEY"):
        raise SettingError("JWT_PRIVATE_KEY: ws-server verifies and never signs; unset it here")
    return WsSettings(
        servers=_servers(env),
        host=env.text("BIND_ADDRESS"),
        port=env.port("WS_PORT"),
        public_keys=env.jwks("JWT_PUBLIC_KEYS"),
        origins=env.origins("WS_ALLOWED_ORIGINS"),
        capacity=env.whole("WS_CAPACITY", 1, 20_000),
    )


def flusher_settings(environ: Mapping[str, str]) -> FlusherSettings:
    """Read the flusher's settings. Raises SettingError."""
    env = _Environment(environ)
    return FlusherSettings(
        servers=_servers(env),
        host=env.text("BIND_ADDRESS"),
        flush_interval_s=env.duration("FLUSH_INTERVAL"),
        health_port=env.port("HEALTH_PORT") if env.given("HEALTH_PORT") else None,
    )


def external_servers(environ: Mapping[str, str]) -> Servers | None:
    """The servers that `touchline up` was given instead of embedded ones, if any.

    Raises SettingError when only one of the two is set: half of the state
    would live in the data directory and half elsewhere.
    """
    env = _Environment(environ)
    given = [name for name in ("REDIS_URL", "DATABASE_URL") if env.given(name)]
    if len(given) == 1:
        raise SettingError(f"{given[0]} is set and its sibling is not; set both or neither")
    return _servers(env) if given else None


def _servers(env: _Environment) -> Servers:
    return Servers(
        redis_url=env.url("REDIS_URL", ("redis", "rediss", "unix"), _redis_address),
        database_url=env.url("DATABASE_URL", ("postgres", "postgresql"), _postgres_address),
        key_tag=env.text("REDIS_KEY_TAG"),
    )


DEFAULTS: Mapping[str, str | None] = {
    "API_PORT": "8080",
    "AUTH_DEV": "0",
    "BIND_ADDRESS": "0.0.0.0",  # noqa: S104 — a container's port is published by the platform
    "BOT_ENABLED": "0",
    "DATABASE_URL": None,
    "FLUSHER_EMBEDDED": "0",
    "FLUSH_INTERVAL": "100ms",
    "HEALTH_PORT": None,
    "JWT_PRIVATE_KEY": None,
    "JWT_PUBLIC_KEYS": None,
    "REDIS_KEY_TAG": "",
    "REDIS_URL": None,
    "SPORTMONKS_TOKEN": None,
    "SPORTMONKS_URL": "https://api.sportmonks.com/v3/football",
    "WS_ALLOWED_ORIGINS": None,
    "WS_CAPACITY": "20000",
    "WS_PORT": "8081",
    "WS_PUBLIC_URL": None,
}
"""Every setting with its default; None means it must be given where it is used."""


class _Environment:
    """Typed reads of one environment, after its names were checked."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        for name in environ:
            _refuse_unknown(name)
        self._environ = environ

    def given(self, name: str) -> bool:
        return bool(self._environ.get(name))

    def text(self, name: str) -> str:
        value = self._environ.get(name) or DEFAULTS[name]
        if value is None:
            raise SettingError(f"{name} is not set; see docs/operations.md, Settings")
        return value

    def secret(self, name: str) -> str:
        """A value, or `@/path` to a file that holds it."""
        value = self.text(name)
        if not value.startswith("@"):
            return value.replace("\\n", "\n")
        try:
            # Bytes that are no text are replaced by what no key and no token may hold.
            return Path(value[1:]).read_text(encoding="utf-8", errors="replace").strip()
        except OSError as why:
            raise SettingError(f"{name}: cannot read {value[1:]}: {why.strerror}") from None

    def token(self, name: str) -> str:
        value = self.secret(name)
        if not re.fullmatch("[!-~]([ -~]*[!-~])?", value):  # it travels in a header
            raise SettingError(f"{name}: expected one line of visible ASCII characters")
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        return self._parsed(name, lambda text: _whole(text, low, high), f"{low} to {high}")

    def port(self, name: str) -> int:
        return self.whole(name, 0, 65_535)

    def flag(self, name: str) -> bool:
        return self._parsed(name, {"0": False, "1": True}.__getitem__, "0 or 1")

    def duration(self, name: str) -> float:
        return self._parsed(name, _duration_s, "a duration such as 100ms or 5s, 10ms to 60s")

    def url(self, name: str, schemes: tuple[str, ...], leads: Callable[[str], bool]) -> str:
        def checked(text: str) -> str:
            if text.partition("://")[0] in schemes and text.isprintable() and leads(text):
                return text
            raise ValueError(text)

        return self._parsed(name, checked, f"a URL: {', '.join(schemes)}; host and port valid")

    def origins(self, name: str) -> tuple[str, ...]:
        return self._parsed(name, _origins, "comma-separated origins such as https://example.com")

    def jwks(self, name: str) -> str:
        text = self.secret(name)
        with suppress(ValueError, KeyError, TypeError):
            if json.loads(text)["keys"]:
                return text
        raise SettingError(f"{name}: expected a JSON Web Key Set with keys")

    def _parsed(self, name: str, parse: Callable[[str], T], expected: str) -> T:
        text = self.text(name)
        try:
            return parse(text)
        except (ValueError, KeyError, TypeError, psycopg2.ProgrammingError):
            # The value itself stays out of the line: it may hold a password.
            shown = "" if "URL" in name else f", not {text!r}"
            raise SettingError(f"{name}: expected {expected}{shown}") from None


def _whole(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise ValueError(text)
    return int(text)


def _duration_s(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,6})(ms|s)", text)
    seconds = int(match[1]) / (1000 if match[2] == "ms" else 1) if match else 0.0
    if not 0.01 <= seconds <= 60:
        raise ValueError(text)
    return seconds


def _web_address(text: str) -> bool:
    parts = urlsplit(text)  # more is put behind it: a query or a fragment would swallow that
    return bool(parts.hostname) and parts.port != 0 and not re.search(r"[\s?#]", text)


def _redis_address(text: str) -> bool:
    redis.ConnectionPool.from_url(text).make_connection()  # raises for an option it does not know
    parts = urlsplit(text)
    if parts.scheme == "unix":
        return bool(parts.path) and not parts.hostname
    # redis-py takes its defaults for a host, a port or a db that it cannot read.
    return bool(parts.hostname and re.fullmatch("/?[0-9]*", parts.path)) and parts.port != 0


def _postgres_address(text: str) -> bool:
    server = psycopg2.extensions.parse_dsn(text)
    # Without a host libpq would look for one in its own variables and folders.
    named = not server.keys().isdisjoint(("host", "hostaddr", "service"))
    return named and all(_whole(p, 1, 65_535) for p in server.get("port", "").split(",") if p)


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip().rstrip("/") for part in text.split(","))
    if any(urlsplit(o).scheme not in ("http", "https") or urlsplit(o).path for o in origins):
        raise ValueError(text)
    return origins


def _refuse_unknown(name: str) -> None:
    if name in DEFAULTS or name in TEST_ONLY or INJECTED.search(name):
        return
    close = difflib.get_close_matches(name, DEFAULTS, n=1, cutoff=0.85)
    if close:
        raise SettingError(f"{name} is not a setting; did you mean {close[0]}?")
    if name.startswith(OUR_PREFIXES):
        raise SettingError(f"{name} is not a setting; see docs/operations.md, Settings")
