"""`GET /openapi.json`: what every route takes and answers, for machines."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import msgspec
from flask import Flask, Response

from .answers import tagged_answer
from .openapi import document, routes_of
from .operations import Operation

#: Not told once more in full: its shape is a standard's.
OpenApiDocument = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="See https://spec.openapis.org/oas/v3.1.0.",
        extra_json_schema={
            "required": ["openapi", "info", "paths", "components"],
            "additionalProperties": True,
        },
    ),
]


def add_document(app: Flask) -> None:
    """Have *app* describe all its routes, to be called once it has them all.

    Raises TypeError if one of them says nothing of itself.
    """

    @app.get("/openapi.json")
    @Operation(answers={200: OpenApiDocument}, tagged=True)
    def openapi() -> Response:
        """This document."""
        return tagged_answer(made())

    routes = routes_of(app)

    @cache
    def made() -> msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(document(routes)))
