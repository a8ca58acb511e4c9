"""What the caller owns: account, holdings, portfolio."""

from __future__ import annotations

from flask import Blueprint, Response

from ..domain.ids import UserId
from ..domain.portfolio import Portfolio
from ..domain.views import account_view, holding_view, portfolio_view
from .answers import json_answer
from .auth import caller
from .deps import ApiDeps


def account_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("account", __name__)

    def own() -> Portfolio:
        return deps.hot.portfolio(UserId(caller(deps).user))

    @routes.get("/v1/account")
    def account() -> Response:
        return json_answer(account_view(own()))

    @routes.get("/v1/holdings")
    def holdings() -> Response:
        return json_answer({"data": [holding_view(line) for line in own().lines]})

    @routes.get("/v1/portfolio")
    def portfolio() -> Response:
        owned = own()
        return json_answer({"seq": owned.seq} | portfolio_view(owned))

    return routes
