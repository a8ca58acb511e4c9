"""The page and its files, as packaged in `web/`, read once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from .problems import Problem, Refuse

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    content_type: str


def page_routes(ws_url: Callable[[], str]) -> Blueprint:
    """`/` and `/web/{file}`. *ws_url* is the one place besides ourselves the page may talk to."""
    routes = Blueprint("page", __name__)
    packaged = _packaged()

    @routes.get("/")
    def index() -> Response:
        return _answer(packaged["index.html"], ws_url())

    @routes.get("/web/<name>")
    def part(name: str) -> Response:
        if name not in packaged:
            raise Refuse(Problem("NOT_FOUND", "the page has no such file"))
        return _answer(packaged[name], ws_url())

    return routes


def _packaged() -> dict[str, _File]:
    # The root package: this one has no __init__.py to anchor resources at.
    web = files(__name__.partition(".")[0]).joinpath("web")
    return {
        entry.name: _File(entry.read_bytes(), _TYPES[entry.name.rpartition(".")[2]])
        for entry in web.iterdir()
        if entry.name.rpartition(".")[2] in _TYPES
    }


def _answer(file: _File, ws_url: str) -> Response:
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
