"""Types as JSON Schema, in the form that OpenAPI 3.1 wants them."""

from __future__ import annotations

import re
from typing import Any

import msgspec

Json = dict[str, Any]

_COMPONENTS = "#/components/schemas/{name}"


class Schemas:
    """Collects the types that are spoken of, so that each has one schema."""

    def __init__(self) -> None:
        self._kinds: dict[Any, Json] = {}
        self._queries: dict[type[msgspec.Struct], None] = {}

    def of(self, kind: Any) -> Json:
        """The schema of *kind*: a reference where it has a name."""
        if kind not in self._kinds:
            [schema], _ = msgspec.json.schema_components([kind], ref_template=_COMPONENTS)
            self._kinds[kind] = ecma(schema)
        return self._kinds[kind]

    def query(self, shape: type[msgspec.Struct]) -> Json:
        """The schema of a query as an object, which becomes no component."""
        self._queries[shape] = None
        _, components = msgspec.json.schema_components([shape], ref_template=_COMPONENTS)
        found: Json = ecma(components[shape.__name__])
        return found

    def components(self) -> Json:
        """The schema of every named type among those asked for, by name.

        Raises TypeError: two types have one name, so what was told of them before is wrong.
        """
        kinds = [*self._kinds, *self._queries]
        schemas, components = msgspec.json.schema_components(kinds, ref_template=_COMPONENTS)
        told = [*self._kinds.values(), *(_reference(shape) for shape in self._queries)]
        twice = {name for name in components if "." in name or name.startswith("touchline_")}
        if twice or ecma(list(schemas)) != told:
            raise TypeError(f"types of the document that have one name: {sorted(twice)}")
        for shape in self._queries:
            del components[shape.__name__]
        return {_readable(name): ecma(component) for name, component in components.items()}


def ecma(schema: Any) -> Any:
    r"""*schema* as JSON Schema has it elsewhere: no `\A` and `\Z` in patterns, plain names."""
    if isinstance(schema, dict):
        found = {name: ecma(part) for name, part in schema.items()}
        if isinstance(pattern := found.get("pattern"), str):
            found["pattern"] = pattern.replace(r"\A", "^").replace(r"\Z", "$")
        if isinstance(reference := found.get("$ref"), str):
            found["$ref"] = _readable(reference)
        return found
    return [ecma(part) for part in schema] if isinstance(schema, list) else schema


def _readable(name: str) -> str:
    """`Page_FillMade_`, which is msgspec's name for `Page[FillMade]`, as `PageOfFillMade`."""
    return re.sub(r"(\w+?)_(\w+)_$", r"\1Of\2", name)


def _reference(kind: type[msgspec.Struct]) -> Json:
    return {"$ref": _COMPONENTS.format(name=kind.__name__)}
