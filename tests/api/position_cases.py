"""What tests of positions over HTTP do again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from touchline.domain.ids import InstrumentIdx
from touchline.domain.ticks import IndexChange
from touchline.store.hashes import instrument_hash
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader

ARS = InstrumentIdx(17)


def problem(answer: TestResponse) -> tuple[int, str]:
    """Status and code of a refusal."""
    assert answer.mimetype == "application/problem+json", answer.data
    return answer.status_code, answer.get_json()["code"]


def pointers(answer: TestResponse) -> list[tuple[str, str]]:
    """The fields a refusal points at, and where they are."""
    return [(each["pointer"], each["in"]) for each in answer.get_json().get("errors", [])]


def change(api: Api, **fields: object) -> None:
    """Make Arsenal's market what a test needs."""
    instrument = api.deps.hot.instrument(ARS)
    assert instrument is not None
    api.redis.hset("inst:17", mapping=instrument_hash(replace(instrument, **fields)))  # type: ignore[arg-type]


def move(api: Api, price: float) -> None:
    """The feed moves Arsenal's index to *price*, and nobody looks at the positions yet."""
    api.redis.set("lease:scheduler", "me")
    api.clock.advance(1)
    offset_bps = round((price - 100) * 100)
    change = IndexChange(idx=ARS, now_ms=api.clock.calendar(), offset_bps=offset_bps)
    api.deps.scripts.index_apply(change, "lease:scheduler", "me")


def opened(trader: Trader, **body: object) -> dict[str, Any]:
    """A position of *trader*'s."""
    answer = trader.open(**body)
    assert answer.status_code == 201, answer.data
    position: dict[str, Any] = answer.get_json()["position"]
    return position
