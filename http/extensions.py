"""Which compression is agreed on in a handshake: permessage-deflate (RFC 7692), or none.

The client offers; several offers are in its order of preference, and one that this server cannot
do is passed over, whatever it is. Both sides are to compress each message by itself.

Source: docs/protocol.md, "Compression".
"""

from __future__ import annotations

from collections.abc import Iterator

NAME = "permessage-deflate"
AGREED = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
WINDOW_BITS = 12  #: of what the hub compresses with; see actors/hub/deflate.py
_FLAGS = frozenset({"server_no_context_takeover", "client_no_context_takeover"})
_WINDOWS = frozenset(str(bits) for bits in range(8, 16))


def agreed(offers: str) -> str | None:
    """The answer to the header `Sec-WebSocket-Extensions`; None for no extension."""
    for offer in offers.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == NAME:
            asked = _asked(parameters)
            if asked is not None:
                window = f"; server_max_window_bits={WINDOW_BITS}"
                return AGREED + (window if "server_max_window_bits" in asked else "")
    return None


def _asked(parameters: list[str]) -> dict[str, str] | None:
    """The parameters of an offer; None if this server does not know one or cannot do it."""
    asked = dict(_pairs(parameters))
    if len(asked) < len(parameters):
        return None
    return asked if all(_can(name, value) for name, value in asked.items()) else None


def _pairs(parameters: list[str]) -> Iterator[tuple[str, str]]:
    for parameter in parameters:
        name, given, value = parameter.partition("=")
        yield name.strip(), value.strip().strip('"') or given  # a value that is empty is none


def _can(name: str, value: str) -> bool:
    if name in _FLAGS:
        return not value
    if name == "client_max_window_bits":  # whatever it does, we can read it
        return not value or value in _WINDOWS
    return name == "server_max_window_bits" and value in _WINDOWS and int(value) >= WINDOW_BITS
