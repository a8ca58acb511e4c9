"""The HTTP API as an OpenAPI 3.1 document, made from what each route said of itself.

Paths come from the app's own map, types from the operations, codes from both; in words it says
what no type can: the first lines of the routes' docstrings.

Source: docs/protocol.md, "HTTP"; docs/decisions/0035-one-description-of-each-route.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from inspect import getdoc
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from .health import OPERATIONS as HEALTH
from .openapi_answers import HEADERS, responses
from .openapi_parameters import HEADER_PARAMETERS, parameters, path_parameters, template
from .openapi_schemas import Json, Schemas
from .operations import Access, Operation, operation_of

VERSION = "1.0.0"  #: of what is said; members and routes may be added without another one
OF_THE_PAGE = "page."  #: endpoints for people, which are no part of the API
_FLASKS_OWN = frozenset({"HEAD", "OPTIONS"})
_BEARER = "bearer"
#: Ways to be known, of which one is enough; by an empty one nobody has to be.
_SECURITY: dict[Access, list[Json]] = {
    Access.OPEN: [],
    Access.EITHER: [{}, {_BEARER: []}],
    Access.USER: [{_BEARER: []}],
    Access.ADMIN: [{_BEARER: []}],
}


@dataclass(frozen=True, slots=True)
class Route:
    """A path and method, and what its function said of it; *parts* are variable parts of it."""

    path: str
    method: str
    name: str
    said: str
    operation: Operation
    parts: Json


def routes_of(app: Flask) -> tuple[Route, ...]:
    """Every route of the API. Raises TypeError if one of them says nothing of itself."""
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
    return tuple(
        _route(app.view_functions[rule.endpoint], rule)
        for rule in rules
        if not rule.endpoint.startswith(OF_THE_PAGE)
    )


def document(routes: Iterable[Route], version: str = VERSION) -> Json:
    """The whole document of *routes* and the health paths."""
    schemas = Schemas()
    paths: Json = {}
    for route in (*routes, *_health()):
        paths.setdefault(route.path, {})[route.method] = _operation(route, schemas)
    names = [one["operationId"] for path in paths.values() for one in path.values()]
    if len(set(names)) < len(names):
        raise TypeError(f"operations of one name: {sorted(names)}")
    return {
        "openapi": "3.1.0",
        "info": _info(version),
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "parameters": HEADER_PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": {_BEARER: _scheme()},
        },
        "tags": [{"name": tag} for tag in _tags(paths)],
    }


def _route(view: Callable[..., Any], rule: Rule) -> Route:
    operation = operation_of(view)
    if operation is None:
        raise TypeError(f"{rule.endpoint}: its route {rule.rule} says nothing of itself")
    said = getdoc(view)
    if not said:
        raise TypeError(f"{rule.endpoint}: its function has no docstring")
    [method] = (rule.methods or set()) - _FLASKS_OWN
    name = rule.endpoint.rpartition(".")[2]
    return Route(
        template(rule.rule),
        method.lower(),
        name,
        said,
        operation,
        path_parameters(rule.rule),
    )


def _health() -> Iterator[Route]:
    for path, (said, operation) in HEALTH.items():
        yield Route(path, "get", path[1:], said, operation, {})


def _operation(route: Route, schemas: Schemas) -> Json:
    operation = route.operation
    summary, _, more = route.said.partition("\n")
    words = [more.strip(), "Needs the role admin." if operation.access is Access.ADMIN else ""]
    found = {
        "operationId": route.name,
        "summary": summary,
        "description": "\n\n".join(filter(None, words)),
        "tags": [_tag(route.path)],
        "security": _SECURITY[operation.access],
        "parameters": [*route.parts.values(), *parameters(operation, schemas)],
        "requestBody": _body(operation, schemas),
        "responses": responses(operation, route.method.upper(), route.parts, schemas),
    }
    kept = ("security", "responses")
    return {name: part for name, part in found.items() if part or name in kept}


def _body(operation: Operation, schemas: Schemas) -> Json:
    if operation.body is None:
        return {}
    return {
        "required": not operation.body_optional,
        "content": {"application/json": {"schema": schemas.of(operation.body)}},
    }


def _tag(path: str) -> str:
    """What belongs together: the first part of the path behind the version."""
    found = re.match(r"/v1/([^/]+)", path)
    return found[1] if found else "service"


def _tags(paths: Json) -> list[str]:
    return sorted({tag for path in paths.values() for one in path.values() for tag in one["tags"]})


def _info(version: str) -> Json:
    return {
        "title": "Touchline",
        "version": version,
        "description": "Shares in football clubs, traded over HTTP; prices and matches are pushed"
        " over a WebSocket, whose AsyncAPI document is `/asyncapi.json` of the ws-server."
        "\n\nMoney, prices and quantities are decimal strings, times RFC 3339 in UTC. Clients"
        " ignore members that they do not know; the server refuses members and parameters that it"
        " does not know. `HEAD` works wherever `GET` does. Each refusal is a problem document"
        " (RFC 9457); programs branch on its `code`.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def _scheme() -> Json:
    return {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of a sign-in; it lives 15 minutes.",
    }
