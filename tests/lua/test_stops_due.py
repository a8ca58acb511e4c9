"""stops_due.lua: whom the next ticks of a club concern, by cases and whatever the ticks are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from touchline.domain.positions import Position, crosses, levels
from touchline.domain.ticks import Tick
from touchline.store.lua import KERNEL, LuaScript

from tests.fakes.exchange import ARS, Exchange
from tests.fakes.scenes import scenes
from tests.fakes.stage import put, tick_fields

pytestmark = pytest.mark.external

DUE = LuaScript("stops_due", KERNEL)
WATCHER = "the watcher"


def ask(
    exchange: Exchange, limit: int = 100, dealt: Tick | None = None, owner: str = WATCHER
) -> list[str]:
    """The script's answer, the lease being the watcher's."""
    keys = exchange.keys
    exchange.client.set(keys.lease("stop-watcher"), WATCHER)
    names = [keys.watch(ARS), keys.ticks(ARS), keys.lease("stop-watcher"), *keys.trig(ARS)]
    passed = (dealt.id, str(dealt.seq)) if dealt else ("", "")
    reply: list[str] = DUE.run(exchange.client, names, [owner, "7", str(limit), *passed])
    return reply


def watch(exchange: Exchange) -> dict[str, Any]:
    found: dict[str, Any] = exchange.client.hgetall(exchange.keys.watch(ARS))
    return found


@st.composite
def crowds(draw: DrawFn) -> tuple[list[Position], Sequence[Tick]]:
    """Positions of one club and ticks, those of one of them."""
    several = draw(_several)
    positions = [replace(scene.position, id=f"p-{n}") for n, scene in enumerate(several)]
    return positions, max((scene.ticks for scene in several), key=len)


_several = st.lists(scenes(), min_size=1, max_size=4)


def arrange(exchange: Exchange, positions: Sequence[Position], ticks: Sequence[Tick]) -> None:
    exchange.client.flushdb()
    pipe = exchange.client.pipeline(transaction=False)
    for position in positions:
        put(exchange, pipe, position)
    for tick in ticks:
        pipe.xadd(exchange.keys.ticks(ARS), tick_fields(tick), id=tick.id)
    pipe.execute()


def concerned(positions: Sequence[Position], ticks: Sequence[Tick]) -> set[str]:
    """Whom the pure rules say that *ticks* do something to."""
    return {
        position.id
        for position in positions
        if any(crosses(position, levels(position), tick) for tick in ticks)
    }


@settings(max_examples=40)
@given(crowd=crowds(), limit=st.integers(1, 4), passed=st.integers(-1, 3))
def test_whom_a_tick_concerns_is_due_and_the_watch_passes_no_such_tick(
    exchange: Exchange, crowd: tuple[list[Position], Sequence[Tick]], limit: int, passed: int
) -> None:
    positions, ticks = crowd
    arrange(exchange, positions, ticks)
    dealt = ticks[passed] if 0 <= passed < len(ticks) else None
    news = (ticks[passed + 1 :] if dealt else ticks)[:limit]

    reply = ask(exchange, limit, dealt)

    expected = concerned(positions, news)
    last = dealt
    if expected:
        assert reply[0] == "due"
        assert reply[1:3] == [news[-1].id, str(news[-1].seq)]
        assert sorted(reply[3:]) == sorted(expected)
    else:
        assert reply == ["ok", str(len(news)), str(int(len(news) == limit))]
        last = news[-1] if news else dealt
    assert watch(exchange) == ({"id": last.id, "s": str(last.seq), "epoch": "7"} if last else {})
    exchange.client.flushdb()


def test_who_does_not_hold_the_lease_is_fenced(exchange: Exchange) -> None:
    before = exchange.dump()

    reply = ask(exchange, owner="another")

    assert reply == ["refused", "FENCED"]
    exchange.client.delete(exchange.keys.lease("stop-watcher"))
    assert exchange.dump() == before


def test_the_low_of_a_candle_is_not_passed_for_its_high(exchange: Exchange) -> None:
    key = exchange.keys.ticks(ARS)
    fields = {"s": "5", "b": "1", "a": "1", "m": "1", "w": "candle", "h": "0"}
    for tick_id in ("8-0", "8-1"):
        exchange.client.xadd(key, fields, id=tick_id)
    exchange.client.set(exchange.keys.lease("stop-watcher"), WATCHER)
    names = [exchange.keys.watch(ARS), key, exchange.keys.lease("stop-watcher")]

    DUE.run(exchange.client, [*names, *exchange.keys.trig(ARS)], [WATCHER, "7", "1", "", ""])

    assert watch(exchange) == {"id": "8-0", "s": "4", "epoch": "7"}
    exchange.client.flushdb()


def test_of_two_ticks_with_one_number_the_second_can_be_passed(exchange: Exchange) -> None:
    # The low and the high of a candle, in the place of lost ticks: store/stand_ins.py.
    key = exchange.keys.ticks(ARS)
    fields = {"s": "5", "b": "1", "a": "1", "m": "1", "h": "0"}
    for tick_id in ("8-0", "8-1"):
        exchange.client.xadd(key, fields, id=tick_id)
    exchange.client.hset(exchange.keys.watch(ARS), mapping={"id": "8-0", "s": "5"})
    exchange.client.set(exchange.keys.lease("stop-watcher"), WATCHER)
    names = [exchange.keys.watch(ARS), key, exchange.keys.lease("stop-watcher")]

    reply = DUE.run(
        exchange.client,
        [*names, *exchange.keys.trig(ARS)],
        [WATCHER, "7", "100", "8-1", "5"],
    )

    assert reply == ["ok", "0", "0"]
    assert watch(exchange)["id"] == "8-1"
    exchange.client.flushdb()
