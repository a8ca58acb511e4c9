"""Made-up answers and ledgers, for tests of the audit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.hour.wire import Said

from .audit import HOUSE, Entry, Purse
from .promises import Asked, Promises

USER, START = 7, 10_000_0000
OPENING = {USER: START}
GRANT = Entry(
    fact="g", user=USER, key="grant:start:7", by=HOUSE, cash_e4=START, locked_e4=0
)  # fmt: skip
BOUGHT = Entry(fact="b", user=USER, key="t-1", by="client", cash_e4=-100_1000, locked_e4=0)
#: A tick that closes the position which "o" opened, with a loss of 3 coins and a fee of 0.2.
STOPPED = Entry(
    fact="s", user=USER, key="", by="stop-watcher", cash_e4=16_8000, locked_e4=-20_0000,
    position="p", number=2, triggered=True,
)  # fmt: skip
OPENED = replace(
    STOPPED, fact="o", key="t-2", by="client", cash_e4=-20_2000, locked_e4=20_0000, number=1,
    triggered=False,
)  # fmt: skip


def order(key: str = "t-1") -> Asked:
    return Asked(USER, "POST", "/v1/orders", {"side": "buy"}, {"Idempotency_Key": key})


def opening(key: str = "t-2") -> Asked:
    return Asked(USER, "POST", "/v1/positions", {"side": "long"}, {"Idempotency_Key": key})


def stops(position: str, version: int) -> Asked:
    headers = {"If_Match": f'W/"{version}"'}
    return Asked(USER, "PATCH", f"/v1/positions/{position}", {"stop_loss": None}, headers)


def basket(*keys: str) -> Asked:
    orders = [{"idempotency_key": key, "side": "buy"} for key in keys]
    return Asked(USER, "POST", "/v1/orders/batch", {"orders": orders}, {})


def fill(fact: str = "b", durable: str = "postgres", **but: Any) -> dict[str, Any]:
    made = {"order_id": fact, "side": "buy", "value": "100.0000", "fee": "0.1000"}
    return made | {"durable": durable} | but


def happened(fact: str = "o", durable: str = "postgres", **but: Any) -> dict[str, Any]:
    event = {"event_id": fact, "margin": "20.0000", "fee": "0.2000"}
    return {"event": event | but, "position": {}, "durable": durable}


def said(body: Any, status: int = 201) -> Said:
    return Said(status, body, None)


def told(*answers: tuple[Asked, Said]) -> Promises:
    """What was promised by *answers*, none of which was in doubt."""
    promises = Promises(now_s=lambda: 1.0)
    for asked, answer in answers:
        promises.begin(asked)
        promises.end(asked, answer, doubtful=False)
    return promises


def purse(*entries: Entry) -> dict[int, Purse]:
    """The wallet that *entries* leave."""
    cash, locked = (sum(e.cash_e4 for e in entries), sum(e.locked_e4 for e in entries))
    return {USER: Purse(cash, locked)}
