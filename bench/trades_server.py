"""The api-server of bench/trades.py: the service as it is, and one more route beside its own.

`POST /v1/fixed` answers a JSON text of an order's length: the same server, connection, Flask
application and hooks, without anything that a trade is.
"""

# ruff: noqa: E402 — everything imported below must find the patched modules
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import os
import sys
from typing import Any

from flask import Flask
from touchline import config
from touchline.http.answers import json_answer
from touchline.http.api import create_app
from touchline.services import api_server
from touchline.services.logs import configure_logs, name_process
from touchline.store.postgres import install_wait_callback
from trades_exchange import FIXED_PATH

#: An order's answer, value for value as long as one.
FIXED = {
    "order_id": "0192b1d0-7a51-7b3c-9d6e-5f4a3b2c1d0e",
    "status": "filled",
    "instrument": 17,
    "symbol": "ARS",
    "side": "buy",
    "quantity": "0.010",
    "average_price": "100.1001",
    "value": "1.0011",
    "fee": "0.0011",
    "realized_pnl": "0.0000",
    "cash_after": "9998.9978",
    "position_after": "0.010",
    "tick": "1792854300123-0",
    "seq": 48211,
    "executed_at": "2026-10-24T14:58:20.123Z",
    "client_order_id": None,
    "durable": "postgres",
}


def with_fixed_answer(*parts: Any) -> Flask:
    """The application of the service with the route of this benchmark."""
    app = create_app(*parts)
    app.add_url_rule(FIXED_PATH, view_func=lambda: json_answer(FIXED, 201), methods=["POST"])
    return app


def main() -> int:
    install_wait_callback()
    configure_logs()
    name_process("api-server")
    api_server.create_app = with_fixed_answer  # type: ignore[attr-defined]
    return api_server.run(config.api_settings(os.environ))


if __name__ == "__main__":
    sys.exit(main())
