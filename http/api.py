"""The HTTP API: composed of its resources here, one file each.

Source: docs/protocol.md.
"""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, g, request

from .account import account_routes
from .admin import admin_routes
from .admin_audit import audit_routes
from .admin_books import book_routes
from .admin_bots import bot_routes
from .admin_feed import feed_routes
from .admin_fixtures import fixture_act_routes
from .admin_markets import instrument_routes
from .admin_mode import mode_routes
from .admin_people import people_routes
from .admin_positions import admin_position_routes
from .admin_reads import install as install_admin_reads
from .admin_simulation import simulation_routes
from .admin_spinner import spinner_admin_routes
from .answers import Cursors
from .auth import Nothing, auth_routes
from .candles import candle_routes
from .deps import ApiDeps
from .desk import Desk
from .errors import install
from .events import event_routes
from .fixture_events import fixture_event_routes
from .fixtures import fixture_routes
from .google import GoogleSignIn, google_routes
from .health import HealthApp
from .leaderboards import leaderboard_routes
from .limits import install as install_limits
from .listing import Listing
from .markets import market_routes
from .me import me_routes
from .openapi_route import add_document
from .operations import operation_of
from .order_batch import batch_routes
from .order_lists import order_list_routes
from .orders import order_routes
from .origins import install as install_origins
from .page import page_routes
from .positions import position_routes
from .problems import Problem, Refuse
from .request_id import HEADER, request_id_of
from .sessions import session_routes
from .spinner import spinner_routes
from .status import status_routes
from .tape import tape_routes
from .timing import install as install_timing
from .trade_lists import trade_list_routes
from .validate import query


def create_app(deps: ApiDeps, google: GoogleSignIn | None = None) -> Flask:
    """The whole API as one WSGI application, health paths and, if given, *google* included."""
    # No folders: whatever is served as a file is served by page.py.
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.url_map.merge_slashes = False
    _install_what_all_pass(app, deps)
    listing = Listing(deps.hot)
    desk = Desk(
        deps.hot,
        deps.executor,
        deps.calendar,
        delay_ms=deps.inplay_delay_ms,
        paused=deps.paused,
        meter=deps.trades,
    )
    cursors = Cursors(deps.signer.secret_for("cursors"))
    for who in _entrances(deps, google):
        app.register_blueprint(who)
    app.register_blueprint(market_routes(deps, listing, cursors))
    app.register_blueprint(order_routes(deps, desk, listing))
    app.register_blueprint(order_list_routes(deps, listing, cursors))
    app.register_blueprint(batch_routes(deps, desk, listing))
    app.register_blueprint(position_routes(deps, listing, cursors))
    app.register_blueprint(account_routes(deps))
    for what_happened in _histories(deps, listing, cursors):
        app.register_blueprint(what_happened)
    app.register_blueprint(status_routes(deps, _ways(deps, google)))
    for routes in _admin_routes(deps, listing, cursors):
        app.register_blueprint(routes)
    if deps.web:
        app.register_blueprint(page_routes(deps.ws_url))
    add_document(app)
    app.wsgi_app = HealthApp(deps.health, app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way to mount middleware
    return app


def _install_what_all_pass(app: Flask, deps: ApiDeps) -> None:
    install(app)
    app.before_request(_take_request_id)
    install_timing(app)
    install_admin_reads(app)
    install_limits(app, deps)
    install_origins(app, deps)
    app.before_request(_refuse_doubled_slash)
    app.before_request(_refuse_stray_parameters)
    app.after_request(_finish)


def _entrances(deps: ApiDeps, google: GoogleSignIn | None) -> list[Blueprint]:
    routes = [auth_routes(deps), session_routes(deps), me_routes(deps)]
    return routes if google is None else [*routes, google_routes(deps, google)]


def _histories(deps: ApiDeps, listing: Listing, cursors: Cursors) -> tuple[Blueprint, ...]:
    return (
        candle_routes(deps, listing),
        tape_routes(deps, listing, cursors),
        fixture_routes(deps, listing, cursors),
        fixture_event_routes(deps),
        trade_list_routes(deps, listing, cursors),
        event_routes(deps, listing),
        leaderboard_routes(deps),
        spinner_routes(deps),
    )


def _admin_routes(deps: ApiDeps, listing: Listing, cursors: Cursors) -> list[Blueprint]:
    return [
        admin_routes(deps),
        audit_routes(deps, cursors),
        people_routes(deps, cursors),
        book_routes(deps, cursors),
        admin_position_routes(deps, listing),
        mode_routes(deps),
        instrument_routes(deps, listing),
        fixture_act_routes(deps, listing),
        feed_routes(deps),
        simulation_routes(deps),
        bot_routes(deps),
        spinner_admin_routes(deps),
    ]


def _ways(deps: ApiDeps, google: GoogleSignIn | None) -> list[str]:
    """How people may sign in on the page."""
    ways = {"google": google is not None and google.code is not None, "dev": deps.auth_dev}
    return [way for way, open_ in ways.items() if open_]


def _take_request_id() -> None:
    g.request_id = request_id_of(request.environ)


def _refuse_doubled_slash() -> None:
    """Werkzeug routes //v1/me like /v1/me; a proxy's rule for /v1/ may not. Raises Refuse."""
    if request.environ["PATH_INFO"].startswith("//"):
        raise Refuse(Problem("NOT_FOUND", "no path begins with two slashes"))


def _refuse_stray_parameters() -> None:
    """A parameter where none is taken is misspelt or in the wrong place. Raises Refuse."""
    if not request.environ.get("QUERY_STRING"):
        return
    view = current_app.view_functions.get(request.endpoint or "")
    # The page says nothing: links to it may carry what other programs put there.
    operation = operation_of(view) if view else None
    if operation is not None and operation.query is None:
        query(Nothing)


def _finish(response: Response) -> Response:
    headers = response.headers
    headers[HEADER] = g.get("request_id", "")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    # What depends on who asks must not stay in a shared cache.
    headers.setdefault("Cache-Control", "no-store")
    return response
