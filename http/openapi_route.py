"""`GET /openapi.json`: what every route takes and answers, for machines."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from flask import Flask, Response

from .answers import tagged_answer
from .openapi import document, routes_of
from .operations import Operation


def add_document(app: Flask) -> None:
    """Have *app* describe all its routes, to be called once it has them all.

    Raises TypeError if one of them says nothing of itself.
    """

    @app.get("/openapi.json")
    @Operation(answers={200: dict[str, Any]}, tagged=True)
    def openapi() -> Response:
        """This document."""
        return tagged_answer(made())

    routes = routes_of(app)

    @cache
    def made() -> msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(document(routes)))
