"""Whole stories of what a feed says, on running services: taken back, said twice, said at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from touchline.domain.pricing import average_sell

from .days import AHEAD, HALF_TIME_MS, LATE, LATE_GOAL_MS, LEVEL
from .football import READER
from .market import WATCHER, Market, open_market
from .person import Person

UNDER_REVIEW_MS = 30_000  #: a goal that old, if it is to be taken back, is
FOR_LONG_MS = 36_000_000
RESTS_MS = 10_000  #: trading, after a goal
ASKED_MS = 5_000  #: a settled match that was said to be in play, this often
STANDS_MS = 120_000  #: a result, before it counts
ONE_SHARE, DEPTH, IN_PLAY_PPM = 1_000, 10_000_000, 3_000  #: 1e-3 share, and half a spread


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """An exchange at half-time of two matches, and late in a third one."""
    with open_market(tmp_path_factory.mktemp("feed")) as running:
        running.football.plays_on_to(_kickoff_ms(running, LATE) + HALF_TIME_MS)
        for name, phase in ((LEVEL[0], "break"), (AHEAD[0], "break"), (LATE[0], "live")):
            _reaches(running, name, phase=phase)
        yield running


def test_a_goal_taken_back_brings_both_prices_back_to_the_unit_and_fires_no_stop(
    market: Market,
) -> None:
    football, wait, lou = market.football, market.exchange.wait, market.person("lou")
    position, stop = _long_with_a_near_stop(lou, market, LEVEL[0])
    before = [_index(market, name) for name in LEVEL]
    now_ms = football.now_ms
    goal = _lie(market, LEVEL, "phantom", incident="goal", side="away")
    goal |= {"from_ms": now_ms - UNDER_REVIEW_MS}

    football.lies(goal | {"to_ms": now_ms + FOR_LONG_MS})
    wait(lambda: not set(before) & {_index(market, name) for name in LEVEL})
    while_given = [market.club(name) for name in LEVEL]
    football.lies(goal | {"to_ms": now_ms})
    wait(lambda: [_index(market, name) for name in LEVEL] == before)
    football.passes(RESTS_MS)
    for name in LEVEL:
        _reaches(market, name, status="open")
    closed = lou.ask("POST", f"/v1/positions/{position}/close", {}, Idempotency_Key="close")

    assert Decimal(while_given[0]["bid"]) < stop
    assert [club["halt_reasons"] for club in while_given] == [["EVENT"]] * 2
    assert [len(_course(market, name)) for name in LEVEL] == [3, 3]
    assert [_course(market, name)[::2] for name in LEVEL] == [[price] * 2 for price in before]
    assert (closed.status, closed.body["event"]["by"]) == (200, "client")


def test_a_full_time_that_flickers_is_committed_once(market: Market) -> None:
    football, wait, home = market.football, market.exchange.wait, AHEAD[0]

    def says(state: str) -> None:
        lie = _lie(market, AHEAD, "state", state=state)
        football.lies(lie | {"from_ms": 0, "to_ms": football.now_ms + FOR_LONG_MS})

    for state, phase in (("FT", "finished"), ("INPLAY_2ND_HALF", "live"), ("FT", "finished")):
        says(state)
        _reaches(market, home, phase=phase)
        football.passes(STANDS_MS // 2)
    football.is_heard()
    too_early = market.fixture(home)["settled_at"]
    results = [_index(market, name) for name in AHEAD]
    football.passes(STANDS_MS // 2)
    settled_at = wait(lambda: market.fixture(home)["settled_at"])

    football.is_heard()
    says("INPLAY_2ND_HALF")
    _reaches(market, home, status="halted")
    _replace_the_reader(market)
    says("FT")
    football.passes(ASKED_MS)
    _reaches(market, home, status="open")
    football.is_heard()

    bases = market.rows("SELECT base_px FROM instruments WHERE name = ANY(%s)", list(AHEAD))
    assert too_early is None
    assert [_course(market, name)[-1] for name in AHEAD] == results
    assert sorted(base for (base,) in bases) == sorted(map(_px, results))
    assert market.fixture(home)["settled_at"] == settled_at
    assert market.club(home)["status"] == "open"
    assert _said(market, "fixture_settled") == 1


def test_a_price_that_jumps_beyond_a_stop_closes_at_the_price_it_jumped_to(
    market: Market,
) -> None:
    football, wait, mia = market.football, market.exchange.wait, market.person("mia")
    position, stop = _long_with_a_near_stop(mia, market, LATE[0])
    football.plays_on_to(_kickoff_ms(market, LATE) + LATE_GOAL_MS)
    wait(lambda: Decimal(market.club(LATE[0])["bid"]) < stop)
    _replace_the_reader(market)  # its successor does not know since when trading rests
    football.passes(RESTS_MS)
    wait(lambda: mia.is_closed(position))

    close = mia.position(position)["close"]
    trigger, ticks = close["trigger"], market.ticks(LATE[0])
    hit = next(tick for tick in ticks if tick["tick"] == trigger["tick"])
    goal = next(tick for tick in ticks if Decimal(tick["bid"]) < stop)
    price = average_sell(_px(hit["index"]), ONE_SHARE, DEPTH, IN_PLAY_PPM, ONE_SHARE)
    assert (close["by"], close["reason"]) == (WATCHER, "stop_loss")
    assert (trigger["quote"], trigger["index"]) == (hit["bid"], hit["index"])
    assert Decimal(trigger["level"]) == stop
    assert Decimal(close["price"]) < stop - 1
    assert _px(close["price"]) == price
    # While trading rests after the goal nothing is closed.
    assert hit["index"] == goal["index"]
    assert _ms(hit["ts"]) - _ms(goal["ts"]) >= RESTS_MS


def _long_with_a_near_stop(person: Person, market: Market, name: str) -> tuple[str, Decimal]:
    """A long of one share, and its stop as near as it may be in play."""
    bid = Decimal(market.club(name)["bid"])
    stop = (bid - Decimal("1.30")).quantize(Decimal("0.01"))
    return person.opens(market.clubs[name], stop_loss={"price": str(stop)}), stop


def _lie(market: Market, clubs: tuple[str, str], kind: str, **what: str) -> dict[str, Any]:
    return {"kind": kind, "fixture": market.fixture(clubs[0])["id"], **what}


def _replace_the_reader(market: Market) -> None:
    """Kill the actor that reads the feed; return when its successor has looked at it."""
    reader = market.exchange.holder(READER)
    assert reader is not None
    reader.kill(READER)
    market.football.is_heard()


def _kickoff_ms(market: Market, clubs: tuple[str, str]) -> int:
    return _ms(market.fixture(clubs[0])["starting_at"])


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _reaches(market: Market, name: str, **what: str) -> None:
    """Wait until the club called *name* is shown with *what*."""
    market.exchange.wait(lambda: market.club(name).items() >= what.items())


def _course(market: Market, name: str) -> list[str]:
    """What the index of a club was, each change once."""
    course: list[str] = []
    for tick in market.ticks(name):
        if course[-1:] != [tick["index"]]:
            course.append(tick["index"])
    return course


def _index(market: Market, name: str) -> str:
    return _course(market, name)[-1]


def _px(decimal: str) -> int:
    return int(Decimal(decimal) * 10_000)


def _said(market: Market, event: str) -> int:
    """How often the replicas have logged *event*."""
    lines = [json.loads(line) for each in market.replicas for line in each.said()]
    return sum(line["event"] == event for line in lines)
