"""`GET /v1/status`: what a client should know before it trusts the prices it shows."""

from __future__ import annotations

from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.halts import reasons
from ..protocol.service import StatusShown
from ..store.market_mode import MarketMode
from .answers import json_answer
from .deps import ApiDeps
from .health_report import judged
from .operations import Operation


def status_routes(deps: ApiDeps, sign_in: list[str]) -> Blueprint:
    """The route of this file; open to everybody. *sign_in*: the ways that the page may offer."""
    routes = Blueprint("status", __name__)

    @routes.get("/v1/status")
    @Operation(answers={200: StatusShown})
    def status() -> Response:
        """What a client should know before it trusts the prices it shows."""
        now_ms = deps.calendar()
        degraded = sorted(judged(deps.health).why)
        halted = [one for one in deps.hot.instruments() if one.halt]
        notes = deps.hot.notes([one.idx for one in halted])
        return json_answer(
            {
                "status": "degraded" if degraded else "ok",
                "degraded": degraded,
                "calendar": rfc3339(now_ms),
                "sign_in": sign_in,
                "market": _market(deps.hot.mode()),
                "feed": _feed(deps.hot.feed_health(), now_ms),
                "halts": [
                    {
                        "idx": one.idx,
                        "symbol": one.symbol,
                        "halt_reasons": reasons(one.halt, one.phase),
                        "note": notes.get(one.idx),
                    }
                    for one in halted
                ],
            }
        )

    return routes


def _market(mode: MarketMode) -> dict[str, object]:
    return {"mode": mode.mode, "note": mode.note or None}


def _feed(said: dict[str, str], now_ms: int) -> dict[str, object]:
    """Calendar age of the last good poll; null before the first one."""
    last_ok = said.get("last_ok")
    if last_ok is None:
        return {"last_ok": None, "age_ms": None}
    return {"last_ok": rfc3339(int(last_ok)), "age_ms": max(0, now_ms - int(last_ok))}
