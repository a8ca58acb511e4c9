"""What is between clients and a listener: proxies that may say who asks, and TLS.

Source: docs/operations.md, "Behind a proxy".
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from .hosts import ANY, Hosts

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HOPS = 16  #: proxies in a row that are believed; nobody has as many


@dataclass(frozen=True, slots=True)
class Outside:
    """How one listener is reached.

    Attributes:
        proxies: whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
        https: whether browsers reach us by https alone.
        hosts: by which names.
    """

    proxies: tuple[Network, ...] = ()
    https: bool = False
    hosts: Hosts = ANY

    def trusts(self, peer: str) -> bool:
        """Whether *peer* is one of our proxies."""
        address = _parsed(peer) if self.proxies else None
        return address is not None and self._ours(address)

    def client(self, peer: str, forwarded_for: str) -> str:
        """The address of who asks: of the last hop that is none of our proxies.

        Args:
            peer: who opened the connection.
            forwarded_for: all of `X-Forwarded-For`, to which each hop adds whom it heard; whatever
                is left of what our own proxies have added is hearsay.
        """
        return self._way(peer, forwarded_for)[0]

    def scheme(self, peer: str, forwarded_for: str, forwarded_proto: str) -> str:
        """By what the client reached us, or the first of our proxies: `https` or `http`.

        Args:
            forwarded_proto: all of `X-Forwarded-Proto`. A proxy writes what it was reached by in
                place of what there is, or behind it; then what a client made up stands before.
        """
        said = [each.strip().lower() for each in forwarded_proto.split(",")]
        passed = self._way(peer, forwarded_for)[1]
        # Ourselves, we speak nothing else.
        return "https" if passed and said[-min(passed, len(said))] == "https" else "http"

    def _way(self, peer: str, forwarded_for: str) -> tuple[str, int]:
        """Who asks, and how many of our proxies the request has come through."""
        client, passed = _parsed(peer) if self.proxies else None, 0
        if client is None:
            return peer, passed
        hops = forwarded_for.rsplit(",", HOPS)[-HOPS:]
        while self._ours(client):
            passed += 1
            before = _parsed(hops.pop()) if hops else None
            if before is None:
                break  # nothing before it can be told from what was made up
            client = before
        return str(client), passed

    def _ours(self, address: _Address) -> bool:
        return any(address in network for network in self.proxies)


DIRECT = Outside()


def _parsed(text: str) -> _Address | None:
    """The address in *text*, where proxies may have left a port; None if there is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
