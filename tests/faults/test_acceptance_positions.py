"""Whole stories of stops and keys on running services, told as a client sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import gevent
import pytest

from .days import IDLE, LEVEL
from .market import LISTENER, SWEEPER, WATCHER, Market, open_market
from .person import Person, Said

STOP = {"price": "97.00"}
FAR_STOP = {"price": "80.00"}
AT_ONCE = 50
#: Of a close, what tells it from another one that came to the same.
ITS_OWN = {"event_id", "executed_at", "tick", "seq", "cash_after", "locked_after", "trigger"}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """An exchange that nobody else trades on."""
    with open_market(tmp_path_factory.mktemp("positions")) as running:
        yield running


def test_a_stop_watcher_killed_across_a_breach_closes_as_one_that_was_there(
    market: Market,
) -> None:
    exchange = market.exchange
    dead = exchange.wait(lambda: exchange.holder(WATCHER))
    assert dead is not None
    ann = market.person("ann", of=next(each for each in market.replicas if each is not dead))
    clubs = [market.clubs[name] for name in IDLE]
    watched, unwatched = (ann.opens(club, stop_loss=STOP) for club in clubs)
    entries = [ann.position(each)["entry_price"] for each in (watched, unwatched)]

    market.index.move(clubs[0], -100, -400)
    exchange.wait(lambda: ann.is_closed(watched))
    market.index.move(clubs[0], 0)
    # Its lease outlives it by seconds, so nobody watches while the prices come and go.
    dead.die()
    _, hit, *_ = market.index.move(clubs[1], -100, -400, -900, 0)
    exchange.wait(lambda: ann.is_closed(unwatched))
    dead.start_again()
    exchange.recovers()

    with_it, without_it = (ann.position(each)["close"] for each in (watched, unwatched))
    assert entries[0] == entries[1]
    assert (without_it["by"], without_it["reason"]) == (WATCHER, "stop_loss")
    assert without_it["trigger"]["tick"] == hit.tick_id
    assert without_it["trigger"]["index"] == "96.0000"
    assert _outcome(without_it) == _outcome(with_it)
    assert market.events(unwatched) == ["open", "close"]


def test_of_two_replicas_that_hear_of_a_return_one_closes_and_tells_of_it(market: Market) -> None:
    exchange, club, eve = market.exchange, market.clubs[IDLE[0]], market.person("eve")
    before = eve.account()
    hit, spared = eve.opens(club, stop_loss=STOP), eve.opens(club, stop_loss=FAR_STOP)
    with exchange.fault(), market.idle(WATCHER, SWEEPER):
        before_it, ticket = _looks(market), eve.ticket()
        for replica in market.replicas:
            replica.pause()
        tick, *_ = market.index.move(club, -500, -1_200, 0)
        with eve.follows(ticket) as pushed:
            # Both have it in their sockets by now, and go at it together.
            for replica in market.replicas:
                replica.go_on()
            exchange.wait(lambda: eve.is_closed(hit))
            exchange.wait(lambda: all(map(_has_looked, _looks(market), before_it)))
            eve.ask("POST", f"/v1/positions/{spared}/close", {}, Idempotency_Key="spared")
            exchange.wait(lambda: [push.event for push in pushed].count("position_closed") == 2)

    close = eve.position(hit)["close"]
    told = [push.data["closed"] for push in pushed if push.event == "replay"]
    looks = zip(_looks(market), before_it, strict=True)
    # Whoever is slow is reminded of the return, and leaves it to the other once more.
    assert sum(now["done"] - then["done"] for now, then in looks) == 1
    assert (close["by"], close["trigger"]["tick"]) == (LISTENER, tick.tick_id)
    assert [[each["position_id"] for each in closed] for closed in told] == [[hit]]
    assert market.events(hit) == ["open", "close"]
    _paid_once(before, eve, [hit, spared])


def test_a_stop_that_a_tick_has_hit_can_be_neither_pulled_nor_outrun(market: Market) -> None:
    club, fay = market.clubs[IDLE[0]], market.person("fay")
    before = fay.account()
    attempts: Sequence[Callable[[str], Said]] = [
        lambda id_: _patch(fay, id_, {"stop_loss": None}),
        lambda id_: _patch(fay, id_, {"stop_loss": FAR_STOP}),
        lambda id_: fay.ask("POST", f"/v1/positions/{id_}/close", {}, Idempotency_Key="close"),
        lambda id_: fay.ask(
            "POST", f"/v1/positions/{id_}/margin", {"amount": "10.00"}, Idempotency_Key="margin"
        ),
    ]
    with market.idle(WATCHER, SWEEPER):
        positions = [fay.opens(club, stop_loss=STOP) for _ in attempts]
        _, hit, *_ = market.index.move(club, -200, -400, 300)  # by now it is a gain
        still_open = [not fay.is_closed(each) for each in positions]
        said = [attempt(each) for attempt, each in zip(attempts, positions, strict=True)]
        market.index.move(club, 0)

    closes = [fay.position(each)["close"] for each in positions]
    assert all(still_open)
    assert [(each.status, each.body.get("code")) for each in said] == [(409, "POSITION_CLOSED")] * 4
    assert [each.body["close"]["trigger"]["tick"] for each in said] == [hit.tick_id] * 4
    assert [(each["by"], each["reason"]) for each in closes] == [("check", "stop_loss")] * 4
    assert [each["trigger"]["tick"] for each in closes] == [hit.tick_id] * 4
    assert [market.events(each) for each in positions] == [["open", "close"]] * 4
    _paid_once(before, fay, positions)


def test_a_closed_position_names_its_tick_quote_trigger_and_whoever_found_it(
    market: Market,
) -> None:
    exchange, club = market.exchange, market.clubs[IDLE[0]]
    gus, hal, ida, jon = (market.person(name) for name in ("gus", "hal", "ida", "jon"))
    with market.idle(WATCHER):
        with market.idle(SWEEPER):
            found = {each: each.opens(club, stop_loss=STOP) for each in (gus, hal, ida)}
            market.index.move(club, -200, -400, 0, -500, 0)
            _patch(gus, found[gus], {"stop_loss": None})
            with hal.follows(hal.ticket()):
                exchange.wait(lambda: hal.is_closed(found[hal]))
        # It sweeps some seconds after a start, and then every five minutes; and that one alone
        # which has the lease then, whichever of them was the first to find it free.
        for replica in market.replicas:
            replica.kill(SWEEPER)
        exchange.wait(lambda: ida.is_closed(found[ida]))
    found[jon] = jon.opens(club, stop_loss=STOP)
    market.index.move(club, -200, -400, 0, -500, 0)
    exchange.wait(lambda: jon.is_closed(found[jon]))

    closes = [person.position(each)["close"] for person, each in found.items()]
    assert [each["by"] for each in closes] == ["check", LISTENER, SWEEPER, WATCHER]
    assert {each["reason"] for each in closes} == {"stop_loss"}
    for (person, position), close in zip(found.items(), closes, strict=True):
        opened_at = person.position(position)["opened_at"]
        since = [tick for tick in market.ticks(IDLE[0]) if tick["ts"] > opened_at]
        first = next(tick for tick in since if Decimal(tick["bid"]) <= Decimal("97"))
        assert close["trigger"] == {
            "tick": first["tick"],
            "tick_time": first["ts"],
            "quote": first["bid"],
            "level": "97.0000",
            "index": "96.0000",
            "approximate": False,
        }


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("/v1/orders", {"side": "buy"}), ("/v1/positions", {"side": "long", "leverage": 2})],
    ids=["order", "position"],
)
def test_fifty_requests_at_once_under_one_key_make_one_trade(
    market: Market, path: str, wanted: dict[str, Any]
) -> None:
    kim = market.person(f"kim{path.replace('/', '-')}")
    body = {"instrument": market.clubs[LEVEL[0]], "quantity": "1.000", **wanted}
    doors = [replica.url for replica in market.replicas * (AT_ONCE // 2)]

    asked = [
        gevent.spawn(kim.ask, "POST", path, body, at=door, Idempotency_Key="only") for door in doors
    ]
    said = [each.get() for each in asked]

    # Whoever is answered before Postgres has it is told so.
    answers = [{**each.body, "durable": None} for each in said]
    assert [each.status for each in said] == [201] * AT_ONCE
    assert [each.replayed for each in said].count(False) == 1
    assert answers == answers[:1] * AT_ONCE
    assert market.made(kim) == 1
    _has_paid_for_one(kim, answers[0])


def _patch(person: Person, position_id: str, stops: dict[str, Any]) -> Said:
    return person.ask("PATCH", f"/v1/positions/{position_id}", stops, If_Match='W/"1"')


def _outcome(close: dict[str, Any]) -> dict[str, Any]:
    """What *close* came to and why, without what is its own in any case."""
    trigger = {k: v for k, v in close["trigger"].items() if k not in ("tick", "tick_time")}
    return {k: v for k, v in close.items() if k not in ITS_OWN} | {"trigger": trigger}


def _looks(market: Market) -> list[Counter[str]]:
    """Returns that each replica has replayed, left to the other, or found of no interest."""
    details = [each.detail(LISTENER) for each in market.replicas]
    return [
        Counter({w: each.get(w, 0) for w in ("done", "elsewhere", "nothing")}) for each in details
    ]


def _has_looked(now: Counter[str], then: Counter[str]) -> bool:
    return now.total() > then.total()


def _paid_once(before: Any, person: Person, positions: Sequence[str]) -> None:
    """Check that the closed *positions* are all that has moved money since *before*."""
    ended = [person.position(each) for each in positions]
    gained = sum(Decimal(each["realized_pnl"]) - Decimal(each["fees"]) for each in ended)
    after = person.account()
    assert Decimal(after["cash"]) - Decimal(before["cash"]) == gained
    assert after["locked"] == "0.0000"


def _has_paid_for_one(person: Person, made: dict[str, Any]) -> None:
    """Check that *person* has paid for what was *made*, and for nothing else."""
    event = made.get("event", made)
    price = Decimal(event["margin" if "margin" in event else "value"])
    account = person.account()
    assert Decimal(account["cash"]) == Decimal("10000") - price - Decimal(event["fee"])
    assert account["locked"] == event.get("margin", "0.0000")
