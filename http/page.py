"""The page traders open, and its files."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from .assets import Asset, assets
from .problems import Problem, Refuse


def page_routes(ws_url: Callable[[], str]) -> Blueprint:
    """`/` and `/web/{file}`. *ws_url* is the one place besides ourselves the page may talk to."""
    routes = Blueprint("page", __name__)
    packaged = assets()

    @routes.get("/")
    def index() -> Response:
        return _answer(packaged["index.html"], ws_url())

    @routes.get("/docs")
    def docs() -> Response:
        return _answer(packaged["docs.html"], ws_url())

    @routes.get("/web/<name>")
    def part(name: str) -> Response:
        if name not in packaged:
            raise Refuse(Problem("NOT_FOUND", "the page has no such file"))
        return _answer(packaged[name], ws_url())

    return routes


def _answer(file: Asset, ws_url: str) -> Response:
    response = Response(file.body, content_type=file.content_type)
    response.headers["Content-Security-Policy"] = _policy(ws_url)
    # Asked for again each time and mostly answered 304: a deploy shows at once.
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


def _policy(ws_url: str) -> str:
    parts = urlsplit(ws_url)
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {parts.scheme}://{parts.netloc}; base-uri 'none'; "
        f"form-action 'self'; frame-ancestors 'none'"
    )
