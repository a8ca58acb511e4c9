"""What the caller owns: account, holdings, portfolio."""

from __future__ import annotations

from flask import Blueprint, Response

from ..domain.ids import UserId
from ..domain.portfolio import Portfolio
from ..domain.views import account_view, holding_view, portfolio_view
from ..protocol.instruments import PortfolioNow
from ..protocol.pages import All
from ..protocol.shapes import Account, HoldingLine
from .answers import json_answer
from .auth import caller
from .deps import ApiDeps
from .operations import Access, Operation


def account_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("account", __name__)

    def own() -> Portfolio:
        return deps.hot.portfolio(UserId(caller(deps).user))

    @routes.get("/v1/account")
    @Operation(access=Access.USER, answers={200: Account})
    def account() -> Response:
        """The own money, equity and margin."""
        return json_answer(account_view(own()))

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
