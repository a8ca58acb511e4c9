"""The WebSocket as an AsyncAPI 3.0 document, made from the types of its messages.

What it says of shapes follows from them and from nothing else; in words it says what the order of
messages is, which no schema can. Operations are the server's: it receives requests, and sends what
else there is.

Source: docs/protocol.md, "WebSocket".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import getdoc
from typing import Any

import msgspec

from . import requests, told

VERSION = "1.0.0"  #: of what is said; members may be added without another one
PATH = "/ws"
SUBPROTOCOL = "touchline.v1"

Json = dict[str, Any]
_Types = tuple[type[msgspec.Struct], ...]

_SCHEMAS = "#/components/schemas/{name}"
_SOCKET = {"$ref": "#/channels/socket"}

#: Requests, and the messages that answer each.
_ANSWERED: tuple[tuple[type[msgspec.Struct], _Types], ...] = (
    (requests.Subscribe, (told.Acknowledged, told.Refused)),
    (requests.Unsubscribe, (told.Acknowledged, told.Refused)),
    (requests.Resume, (told.Acknowledged, told.Refused)),
    (requests.Ping, (told.Pong,)),
)
#: What comes by itself: operation, what it is for, messages.
_SENT: tuple[tuple[str, str, _Types], ...] = (
    ("greet", "The first message, signs of life, and what was no request.", told.CONTROL),
    ("prices", "`price:{idx}` and `price:*`: a snapshot, then updates.", told.PRICES),
    ("fixtures", "`fixture:{id}`: a snapshot, then updates, each complete.", told.FIXTURES),
    ("leaderboards", "`leaderboard:week`: a snapshot, then updates.", told.LEADERBOARDS),
    ("portfolio", "`portfolio`: a snapshot, then every event in order.", told.PORTFOLIO),
)


def document() -> Json:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": {"live": _server()},
        "channels": {"socket": _channel()},
        "operations": _operations(),
        "components": {
            "messages": {_name(kind): _message(kind) for kind in _kinds()},
            "schemas": schemas(),
            "securitySchemes": {"ticket": _ticket()},
        },
    }


def schemas() -> dict[str, Json]:
    """The JSON schema of every message and of all they are made of, by name."""
    _, components = msgspec.json.schema_components(_kinds(), ref_template=_SCHEMAS)
    return {name: _plain(schema) for name, schema in components.items()}


def _kinds() -> _Types:
    """Every type of message once, requests first."""
    answers = requests.REQUESTS + told.ANSWERS
    sent = (kind for _, _, kinds in _SENT for kind in kinds)
    return tuple(dict.fromkeys((*answers, *sent)))


def _info() -> Json:
    return {
        "title": "Touchline: the WebSocket",
        "version": VERSION,
        "description": "Live prices, matches and the own portfolio. Text messages, each one JSON"
        " object with a member `op`. Clients ignore members and messages that they do not know; the"
        " server refuses members of requests that it does not know.",
        "license": {"name": "Apache-2.0"},
    }


def _ticket() -> Json:
    return {
        "type": "httpApiKey",
        "name": "token",
        "in": "query",
        "description": "A ws token of `POST /v1/ws-token`: good for one handshake, for 60 s."
        f" Or as a subprotocol: `{SUBPROTOCOL}, ticket.<token>`.",
    }


def _server() -> Json:
    return {
        "host": "{host}",
        "protocol": "wss",
        "description": "The `url` that comes with a ws token.",
        "variables": {"host": {"default": "live.example.com"}},
        "security": [{"$ref": "#/components/securitySchemes/ticket"}],
    }


def _channel() -> Json:
    token = {"type": "string", "description": "A ws token, unless it comes as a subprotocol."}
    return {
        "address": PATH,
        "title": "The socket",
        "messages": {
            _name(kind): {"$ref": f"#/components/messages/{_name(kind)}"} for kind in _kinds()
        },
        "bindings": {
            "ws": {"method": "GET", "query": {"type": "object", "properties": {"token": token}}}
        },
    }


def _operations() -> Json:
    received = {
        _name(kind): {
            "action": "receive",
            "channel": _SOCKET,
            "summary": _summary(kind),
            "messages": _refs((kind,)),
            "reply": {"channel": _SOCKET, "messages": _refs(answers)},
        }
        for kind, answers in _ANSWERED
    }
    sent = {
        name: {
            "action": "send",
            "channel": _SOCKET,
            "summary": summary,
            "messages": _refs(kinds),
        }
        for name, summary, kinds in _SENT
    }
    return received | sent


def _message(kind: type[msgspec.Struct]) -> Json:
    return {
        "name": _name(kind),
        "summary": _summary(kind),
        "payload": {"$ref": _SCHEMAS.format(name=kind.__name__)},
    }


def _refs(kinds: Iterable[type[msgspec.Struct]]) -> list[Json]:
    return [{"$ref": f"#/channels/socket/messages/{_name(kind)}"} for kind in kinds]


def _name(kind: type[msgspec.Struct]) -> str:
    """`PriceUpdate` as `priceUpdate`."""
    return re.sub("^[A-Z]", lambda first: first[0].lower(), kind.__name__)


def _summary(kind: type[msgspec.Struct]) -> str:
    return (getdoc(kind) or "").partition("\n")[0]


def _plain(schema: Any) -> Any:
    """*schema* without what OpenAPI knows and AsyncAPI does not; the tags are said anyway."""
    if isinstance(schema, dict):
        return {name: _plain(part) for name, part in schema.items() if name != "discriminator"}
    return [_plain(part) for part in schema] if isinstance(schema, list) else schema
