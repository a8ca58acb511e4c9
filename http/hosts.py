"""The names that one listener is reached by: nobody is served who came by another.

A page of `evil.example` may have that name lead to 127.0.0.1, or into a network of ours, and the
browser then takes us for the page's own site. What gives it away is the name in `Host`.

Source: docs/operations.md, "Names"; docs/security.md, "Browsers".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .problems import Problem

#: For probes and scrapers, who may come by whatever name there is inside.
HEALTH = frozenset({"/healthz", "/readyz", "/metrics", "/supervisor"})
_PAGE = "/supervisor/"


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which `Host` is ours.

    Attributes:
        names: in small letters, without a port; any will do if there are none.
        health_too: whether health pages are for these as well: where only this machine gets at
            them, no probe needs another name.
    """

    names: frozenset[str] = frozenset()
    health_too: bool = False

    def knows(self, host: str, path: str) -> bool:
        """Whether who asks for *path* at *host* came by a name of ours.

        An address is no name, so nobody can have had it lead here; nor does `localhost` lead
        anywhere else. Who names no host is no browser.
        """
        if not self.names or not host:
            return True
        if not self.health_too and (path in HEALTH or path.startswith(_PAGE)):
            return True
        name = _name(host)
        return name in self.names or name == "localhost" or _is_address(name)


ANY = Hosts()
UNKNOWN = Problem("HOST_UNKNOWN", "ask by a name that this server is known by")


def hosts_of(
    origins: Iterable[str], names: Iterable[str] = (), *, health_too: bool = False
) -> Hosts:
    """The hosts of *origins*, such as `https://exchange.example`, and *names* besides."""
    found = {urlsplit(origin).hostname or "" for origin in origins}
    return Hosts(frozenset((found | set(names)) - {""}), health_too)


def _name(host: str) -> str:
    """*host* without its port, and without the dot that makes it absolute."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
