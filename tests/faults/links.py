"""A fault proxy between each service and each server, so that any of these links can fail alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

from .proxy import Proxy
from .servers import POSTGRESQL, VALKEY


class Links:
    """The way from services to servers: each takes one of its own to each of them."""

    def __init__(self) -> None:
        self._proxies: dict[tuple[str, str], Proxy] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Links:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, service: str, servers: Mapping[str, str]) -> Mapping[str, str]:
        """The addresses that *service* is given instead of those of *servers*."""
        redis = self._proxy(service, VALKEY, urlsplit(servers["REDIS_URL"]).path)
        sockets = parse_qs(urlsplit(servers["DATABASE_URL"]).query)["host"][0]
        postgres = self._proxy(service, POSTGRESQL, f"{sockets}/.s.PGSQL.5432")
        return {
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
            "DATABASE_URL": f"postgresql://touchline@127.0.0.1:{postgres.port}/touchline",
        }

    def to(self, server: str) -> list[Proxy]:
        """All links to *server*."""
        return [proxy for (_, its), proxy in self._proxies.items() if its == server]

    def of(self, service: str, server: str) -> Proxy:
        """The link of one service."""
        return self._proxies[service, server]

    def heal(self) -> None:
        """Let all be as they were."""
        for proxy in self._proxies.values():
            proxy.heal()

    def _proxy(self, service: str, server: str, socket: str) -> Proxy:
        proxy = self._stack.enter_context(Proxy(socket))
        self._proxies[service, server] = proxy
        return proxy
