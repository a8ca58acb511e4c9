"""Typed and strict reads of one environment; every complaint names the setting."""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psycopg2
import redis

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Prefixes that belong to us: any other name under them is a mistake.
OUR_PREFIXES = (
    "API_",
    "AUTH_",
    "BOT_",
    "FLUSH",
    "JWT_",
    "LIMIT_",
    "OUTBOX_",
    "SPORTMONKS_",
    "TOUCHLINE_",
    "TRUSTED_",
    "WS_",
)
#: Kubernetes injects these beside every Service, whatever its name.
INJECTED = re.compile(r"_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$")
#: Read by the tests alone.
TEST_ONLY = frozenset({"TOUCHLINE_TEST_DATABASE_URL", "TOUCHLINE_TEST_REDIS_URL"})


class SettingError(Exception):
    """A setting is missing, wrong or unknown; the text is the one line to show."""


class Environment:
    """Typed reads of one environment, after its names were checked.

    Args:
        defaults: every setting there is; None means it must be given where it is used.
    """

    def __init__(self, environ: Mapping[str, str], defaults: Mapping[str, str | None]) -> None:
        for name in environ:
            _refuse_unknown(name, defaults)
        self._environ = environ
        self._defaults = defaults

    def given(self, name: str) -> bool:
        return bool(self._environ.get(name))

    def text(self, name: str) -> str:
        value = self._environ.get(name) or self._defaults[name]
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

    def address(self, name: str) -> str:
        return self._parsed(name, _address, "an IP address to listen on")

    def tag(self, name: str) -> str:
        return self._parsed(name, _tag, "a hash tag such as {m}, or nothing")

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

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        return self._parsed(name, lambda text: choices[choices.index(text)], ", ".join(choices))

    def networks(self, name: str) -> tuple[Network, ...]:
        return self._parsed(name, _networks, "comma-separated networks such as 10.0.0.0/8")

    def names(self, name: str) -> tuple[str, ...]:
        return self._parsed(name, _names, "comma-separated names without spaces")

    def hosts(self, name: str) -> tuple[str, ...]:
        return self._parsed(name, _hosts, "comma-separated host names such as exchange.internal")

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


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _networks(text: str) -> tuple[Network, ...]:
    networks = tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    if not all(network.prefixlen for network in networks):  # anybody could be anybody
        raise ValueError(text)
    return networks


def _tag(text: str) -> str:
    if not re.fullmatch(r"(\{[A-Za-z0-9:_-]+\}[A-Za-z0-9:_-]*)?", text):
        raise ValueError(text)
    return text


def web_address(text: str) -> bool:
    """Whether *text* names a host to talk to. Raises ValueError."""
    parts = urlsplit(text)  # more is put behind it: a query or a fragment would swallow that
    return bool(parts.hostname) and parts.port != 0 and not re.search(r"[\s?#]", text)


def redis_address(text: str) -> bool:
    """Whether redis-py would read *text* as it is meant. Raises ValueError."""
    redis.ConnectionPool.from_url(text).make_connection()  # raises for an option it does not know
    parts = urlsplit(text)
    if parts.scheme == "unix":
        return bool(parts.path) and not parts.hostname
    # redis-py takes its defaults for a host, a port or a db that it cannot read.
    return bool(parts.hostname and re.fullmatch("/?[0-9]*", parts.path)) and parts.port != 0


def postgres_address(text: str) -> bool:
    """Whether libpq would read *text* and find a host in it. Raises ValueError."""
    server = psycopg2.extensions.parse_dsn(text)
    # Without a host libpq would look for one in its own variables and folders.
    named = not server.keys().isdisjoint(("host", "hostaddr", "service"))
    return named and all(_whole(p, 1, 65_535) for p in server.get("port", "").split(",") if p)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    if not all(re.fullmatch("[!-~]{1,255}", name) for name in names):
        raise ValueError(text)
    return names


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(part.strip() for part in text.split(","))
    # As they are compared: in small letters, and without a port.
    if not all(re.fullmatch(r"[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?", host) for host in hosts):
        raise ValueError(text)
    return hosts


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip().rstrip("/") for part in text.split(","))
    if not all(map(_sent_by_browsers, origins)):
        raise ValueError(text)
    return origins


def _sent_by_browsers(origin: str) -> bool:
    """Whether a browser may send *origin*; another one would match nobody. Raises ValueError."""
    if not re.fullmatch(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?", origin):
        return False
    parts = urlsplit(origin)
    # A port that the scheme implies is left out.
    return parts.port not in (0, {"http": 80, "https": 443}[parts.scheme])


def _refuse_unknown(name: str, defaults: Mapping[str, str | None]) -> None:
    if name in defaults or name in TEST_ONLY or INJECTED.search(name):
        return
    close = difflib.get_close_matches(name, defaults, n=1, cutoff=0.85)
    if close:
        raise SettingError(f"{name} is not a setting; did you mean {close[0]}?")
    if name.startswith(OUR_PREFIXES):
        raise SettingError(f"{name} is not a setting; see docs/operations.md, Settings")
