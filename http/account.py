"""What the caller owns: account, holdings, portfolio."""

from __future__ import annotations

from flask import Blueprint, Response

from ..domain.ids import UserId
from ..domain.leaderboard import week_of
from ..domain.money import format_e4
from ..domain.portfolio import Portfolio
from ..domain.views import account_view, holding_view, portfolio_view
from ..protocol.instruments import PortfolioNow
from ..protocol.pages import All
from ..protocol.people import OwnAccount
from ..protocol.shapes import HoldingLine
from .answers import json_answer
from .auth import caller
from .confirming import confirmed
from .deps import ApiDeps
from .operations import Access, Operation


def account_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("account", __name__)

    def own() -> Portfolio:
        return deps.hot.portfolio(UserId(caller(deps).user))

    @routes.get("/v1/account")
    @Operation(access=Access.USER, answers={200: OwnAccount})
    def account() -> Response:
        """The own money, equity and margin, and what the week has brought."""
        owned = own()
        monday_ms = week_of(deps.calendar()).starts_ms
        # Money is what people look for while Postgres is away; this alone is from there.
        won_e4 = confirmed(lambda: deps.ledger.realized_e4(owned.user, monday_ms), None)
        week = {"realized_pnl_week": None if won_e4 is None else format_e4(won_e4)}
        return json_answer(account_view(owned) | week)

    @routes.get("/v1/holdings")
    @Operation(access=Access.USER, answers={200: All[HoldingLine]})
    def holdings() -> Response:
        """Every own holding with its mark."""
        return json_answer({"data": [holding_view(line) for line in own().lines]})

    @routes.get("/v1/portfolio")
    @Operation(access=Access.USER, answers={200: PortfolioNow})
    def portfolio() -> Response:
        """Account, holdings and open positions, with the `seq` of the portfolio channel."""
        owned = own()
        return json_answer({"seq": owned.seq} | portfolio_view(owned))

    return routes
