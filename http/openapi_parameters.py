"""Parameters of an operation: in its path, its query and its headers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .openapi_schemas import Json, Schemas, ecma
from .operations import Operation
from .validate import NAME_PATTERN

_VARIABLE = re.compile(r"<(?:(?P<converter>[^:<>]*):)?(?P<name>[^<>]*)>")
_UUID = {"type": "string", "format": "uuid"}
#: What variable parts of paths are; any other is a text.
_PARTS: dict[str, Json] = {
    "instrument": {
        "description": "Its `idx` or its symbol.",
        "schema": {"type": "string", "examples": ["1", "THO"]},
    },
    "order_id": {"schema": _UUID},
    "position_id": {"schema": _UUID},
    "session_id": {"schema": _UUID},
    "week": {
        "description": "A week of the calendar by ISO 8601.",
        "schema": {"type": "string", "examples": ["2026-W31"]},
    },
}

HEADER_PARAMETERS: Json = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Names the request, in its answer and in what is logged of it: 1 to 64"
        " letters, digits, `.`, `_` or `-`; anything else is replaced.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "One of the user's own for each request; repeated with it within 24 hours,"
        " the request is answered as the first time and done once.",
        "schema": ecma({"type": "string", "pattern": NAME_PATTERN, "examples": ["order-1"]}),
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETag of what is to be changed, as it is known.",
        "schema": {"type": "string", "examples": ['W/"3"']},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of what is known; while it is that, the answer is 304.",
        "schema": {"type": "string"},
    },
}


def path_parameters(rule: str) -> Json:
    """The variable parts of the path *rule* (as Flask writes it), by name, in their order."""
    return {part["name"]: _part(**part.groupdict()) for part in _VARIABLE.finditer(rule)}


def template(rule: str) -> str:
    """The path *rule* (as Flask writes it) as OpenAPI writes it."""
    return _VARIABLE.sub(r"{\g<name>}", rule)


def parameters(operation: Operation, schemas: Schemas) -> list[Json]:
    """The parameters in the query and in headers."""
    headers = {
        "RequestId": True,
        "IdempotencyKey": operation.keyed,
        "IfMatch": operation.guarded,
        "IfNoneMatch": operation.tagged,
    }
    query = _query(schemas.query(operation.query)) if operation.query else ()
    return [
        *query,
        *({"$ref": f"#/components/parameters/{name}"} for name, due in headers.items() if due),
    ]


def _part(converter: str | None, name: str) -> Json:
    whole = {"schema": {"type": "integer", "minimum": 0}}
    part = whole if converter == "int" else _PARTS.get(name, {"schema": {"type": "string"}})
    return {"name": name, "in": "path", "required": True, **part}


def _query(shape: Json) -> Iterator[Json]:
    for name, member in shape["properties"].items():
        schema = _given(member)
        words = {"description": schema.pop("description")} if "description" in schema else {}
        required = name in shape.get("required", ())
        yield {"name": name, "in": "query", "required": required, **words, "schema": schema}


def _given(member: Json) -> Json:
    """The schema of what is given: a parameter cannot be null, it is left out."""
    kinds = [kind for kind in member.get("anyOf", ()) if kind != {"type": "null"}]
    kept = {name: part for name, part in member.items() if (name, part) != ("default", None)}
    if len(kinds) == 1:
        del kept["anyOf"]
        kept |= kinds[0]
    return kept
