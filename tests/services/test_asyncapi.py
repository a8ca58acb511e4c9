"""The AsyncAPI document, the types it is made of, and what the server really says: all the same."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import redis as redis_module
from jsonschema import Draft7Validator
from touchline.actors.hub.messages import SweepDue
from touchline.actors.hub.requests import BadMessage, decode
from touchline.domain.halts import Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import new_instrument
from touchline.domain.leaderboard import Ranked, shown, week_of
from touchline.domain.opening import OpenOrder
from touchline.domain.position_events import By
from touchline.domain.positions import CloseReason, Direction, Stops
from touchline.domain.pushes import ReplayedClose, ReplayPush
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.protocol import asyncapi, forms, requests, told
from touchline.store.commands import Accepted, Indexed
from touchline.store.leaderboard_news import WEEK
from touchline.store.lua import KERNEL, LuaScript
from touchline.store.position_calls import follow_call, script
from touchline.store.position_commands import (
    CloseCommand,
    FollowCommand,
    Happened,
    MarginCommand,
    OpenCommand,
    PositionKey,
    StopsCommand,
    TriggerCommand,
)
from websockets.sync.client import ClientConnection, connect

from tests.fakes.exchange import ANN, ARS, BOB, LEASE, OWNER
from tests.fakes.fixtures import a_fixture
from tests.fakes.hub import WAIT_S, RunningHub
from tests.fakes.returns import tell_replay
from tests.fakes.waiting import DELAY_MS, Waiting

SENT = {
    kind.__name__
    for kinds in (
        told.CONTROL,
        told.ANSWERS,
        told.PRICES,
        told.FIXTURES,
        told.LEADERBOARDS,
        told.PORTFOLIO,
    )
    for kind in kinds
}
QUIET = InstrumentIdx(3)


def closed(schema: Any) -> Any:
    """*schema* that lets no member pass that it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {name: closed(part) for name, part in schema.items()}
    return {"additionalProperties": False, **shut} if "properties" in shut else shut


def validators(document: Any, kinds: Any, *, strict: bool) -> dict[str, Draft7Validator]:
    """By name of its payload, what judges each message of *kinds*."""
    components = document["components"]
    components = closed(components) if strict else components
    names = [components["messages"][kind]["payload"]["$ref"] for kind in kinds]
    return {
        name.rpartition("/")[2]: Draft7Validator({"$ref": name, "components": components})
        for name in names
    }


def fetched(hub: RunningHub, path: str = "/asyncapi.json", method: str = "GET") -> Any:
    url = f"http://127.0.0.1:{hub.port}{path}"
    return urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=WAIT_S)


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Waiting:
    exchange = Waiting(redis)
    exchange.list(new_instrument(QUIET, "QUI", "Quiet Town"))
    tell_of_fixtures(exchange, 500)
    tell_of_leaders(exchange, 1_000)
    return exchange


@pytest.fixture
def hub(redis: redis_module.Redis, exchange: Waiting) -> Iterator[RunningHub]:
    with RunningHub(redis, keys=exchange.keys) as hub:
        yield hub


@pytest.fixture
def document(hub: RunningHub) -> Any:
    with fetched(hub) as answer:
        assert answer.headers["content-type"] == "application/json"
        return json.loads(answer.read())


def tell_of_fixtures(exchange: Waiting, *ids: int, **changes: Any) -> None:
    """As the scheduler does."""
    told_of = []
    for fixture_id in ids:
        fixture = msgspec.json.encode(a_fixture(fixture_id, **changes)).decode()
        told_of += [str(fixture_id), fixture]
    names = [exchange.keys.fixtures, LEASE]
    LuaScript("fixtures_tell", KERNEL).run(exchange.client, names, [OWNER, *told_of])


def tell_of_leaders(exchange: Waiting, score_e4: int) -> None:
    """As whoever ranks does."""
    week = week_of(1_792_854_300_123)
    board = shown(week, (Ranked(1, ANN, "ann", score_e4), Ranked(2, BOB, "bob", -1)))
    names = [exchange.keys.leaderboards, exchange.keys.board(WEEK, week.name), LEASE]
    said = [OWNER, WEEK, msgspec.json.encode(board).decode(), str(ANN), str(score_e4)]
    LuaScript("leaderboard_tell", KERNEL).run(exchange.client, names, said)


def test_the_document_is_served_and_nothing_else_is(hub, document):
    assert document == asyncapi.document()
    assert document["asyncapi"] == "3.0.0"
    with fetched(hub, method="HEAD") as answer:
        assert int(answer.headers["content-length"]) > 10_000
        assert answer.read() == b""
    for path, method, status in (("/asyncapi", "GET", 404), ("/asyncapi.json", "POST", 405)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetched(hub, path, method)
        assert refused.value.code == status
        assert json.loads(refused.value.read())["status"] == status


def test_everything_that_the_document_refers_to_is_in_it(document):
    references = set(refs(document))

    assert len(references) > 50
    for reference in references:
        found = document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, inner in part.items():
            if name == "$ref":
                yield inner
            else:
                yield from refs(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from refs(inner)


def test_every_message_is_part_of_an_operation(document):
    operations = document["operations"].values()
    replies = (operation["reply"]["messages"] for operation in operations if "reply" in operation)
    named = {
        reference["$ref"].rpartition("/")[2]
        for messages in (*(operation["messages"] for operation in operations), *replies)
        for reference in messages
    }

    assert named == document["channels"]["socket"]["messages"].keys()
    assert named == document["components"]["messages"].keys()


def test_phases_are_those_of_the_market():
    assert set(forms.Phase.__args__) == {phase.value for phase in Phase}


@pytest.mark.parametrize(
    "text",
    [
        '{"op":"subscribe","id":1,"channels":["price:1"]}',
        '{"op":"subscribe","id":0,"channels":["price:*"],"conflated":false}',
        '{"op":"unsubscribe","id":9007199254740991,"channels":["portfolio","portfolio"]}',
        '{"op":"resume","id":3}',
        '{"op":"resume","id":3,"epoch":7,"price":{"17":1},"fixture":{"5":2},"leaderboard":{"week":1}}',
        '{"op":"resume","id":3,"epoch":null,"portfolio":null,"conflated":true}',
        '{"op":"ping","id":2}',
        "null",
        "[]",
        "{}",
        '{"op":"ping"}',
        '{"op":"buy","id":1}',
        '{"op":"ping","id":"1"}',
        '{"op":"ping","id":-1}',
        '{"op":"ping","id":9007199254740992}',
        '{"op":"ping","id":1.5}',
        '{"op":"ping","id":1,"extra":1}',
        '{"op":"subscribe","id":1,"channels":[]}',
        '{"op":"subscribe","id":1,"channels":"price:1"}',
        '{"op":"subscribe","id":1,"channels":[1]}',
        '{"op":"subscribe","id":1,"channels":["a"],"conflated":1}',
        '{"op":"unsubscribe","id":1,"channels":["a"],"conflated":true}',
        '{"op":"resume","id":1,"price":{"1":-1}}',
        '{"op":"resume","id":1,"fixture":null}',
        json.dumps({"op": "subscribe", "id": 1, "channels": ["a"] * 200}),
        json.dumps({"op": "subscribe", "id": 1, "channels": ["a"] * 201}),
    ],
)
def test_a_request_is_understood_if_it_has_one_of_the_shapes_in_the_document(text):
    document = asyncapi.document()
    kinds = [kind["$ref"].rpartition("/")[2] for kind in received(document)]
    assert len(kinds) == len(requests.REQUESTS)
    fits = [
        name
        for name, judge in validators(document, kinds, strict=False).items()
        if judge.is_valid(json.loads(text))
    ]

    understood = decode(text)

    assert fits == [] if isinstance(understood, BadMessage) else [type(understood).__name__]


def received(document: Any) -> Iterator[Any]:
    for operation in document["operations"].values():
        if operation["action"] == "receive":
            yield from operation["messages"]


def test_everything_that_the_server_says_is_in_the_document_to_the_last_member(
    hub, exchange, document
):
    kinds = document["channels"]["socket"]["messages"].keys()
    judges = validators(document, kinds, strict=True)
    said = [*talk(hub, exchange), *gaps(hub, exchange)]

    fits = [
        [name for name, judge in judges.items() if name in SENT and judge.is_valid(message)]
        for message in said
    ]

    assert [each for each, names in zip(said, fits, strict=True) if len(names) != 1] == []
    assert {name for (name,) in fits} == SENT
    events = {message.get("event") for message in said}
    assert events >= {"order_pending", "order_rejected", "position_updated", "position_closed"}


def test_the_types_read_what_the_server_says(hub, exchange):
    """A program may decode with them; each of its readings gives the message back."""
    kinds = [getattr(told, name) for name in sorted(SENT)]
    for message in talk(hub, exchange):
        read = [found for kind in kinds if (found := converted(message, kind)) is not None]
        assert message in [json.loads(msgspec.json.encode(each)) for each in read]


def converted(message: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(message, kind)
    except msgspec.ValidationError:
        return None


def talk(hub: RunningHub, exchange: Waiting) -> list[Any]:
    """Everything a client can be told, but of what the server has missed itself."""
    said = crowded(hub, exchange)
    with connect(hub.url(ANN), max_queue=None) as socket:
        for text in (
            '{"op":"subscribe","id":1,"channels":["price:*","leaderboard:week",'
            '"portfolio","fixture:500"]}',
            '{"op":"subscribe","id":2,"channels":["price:999"]}',
            "nonsense",
        ):
            socket.send(text)
        said += until(socket, lambda message: message.get("channel") == "portfolio")
        happen(exchange)
        said += until(socket, lambda message: message.get("event") == "replay")
        if not any(map(is_tick, said)):
            said += until(socket, is_tick)  # of the flush that is under way
        for _ in range(15):
            hub.tree.tell(f"hub-{hub.lobby.shard_of(ANN)}", SweepDue())
        socket.send('{"op":"ping","id":3}')
        return said + until(socket, lambda message: message["op"] == "pong")


def is_tick(message: Any) -> bool:
    return message["op"] == "update" and message["channel"].startswith("price:")


def until(socket: ClientConnection, last: Callable[[Any], bool]) -> list[Any]:
    """All messages that come, up to the *last*."""
    said = [json.loads(socket.recv(timeout=WAIT_S))]
    while not last(said[-1]):
        said.append(json.loads(socket.recv(timeout=WAIT_S)))
    return said


def crowded(hub: RunningHub, exchange: Waiting) -> list[Any]:
    """What somebody hears who wants one channel too many."""
    most = requests.MAX_SUBSCRIPTIONS
    tell_of_fixtures(exchange, *range(1000, 1000 + most))
    names = [f"fixture:{n}" for n in range(1000, 1000 + most)]
    with connect(hub.url(BOB), max_queue=None) as socket:
        for number, channels in enumerate((names, ["portfolio"])):
            request = {"op": "subscribe", "id": number, "channels": channels}
            socket.send(json.dumps(request))
        return until(socket, lambda message: message.get("ok") is False)


def gaps(hub: RunningHub, exchange: Waiting) -> list[Any]:
    """What is said of what the server has missed."""
    with connect(hub.url(ANN), max_queue=None) as socket:
        socket.send(
            '{"op":"subscribe","id":1,"channels":["price:1","portfolio"],"conflated":false}'
        )
        said = until(socket, lambda message: message.get("channel") == "portfolio")
        exchange.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        exchange.move(offset_bps=300)
        return said + until(socket, lambda message: message["op"] == "resync")


def happen(exchange: Waiting) -> None:
    """Everything that a portfolio can be told of, and a fixture."""
    positions(exchange)
    exchange.fund(ANN, 5_000)
    exchange.order(Side.BUY, 2_000)
    waits(exchange)
    tell_of_leaders(exchange, 2_000)
    tell_of_fixtures(exchange, 500, minute=12, penalties=(4, 3), settled_ms=1_790_000_000_000)
    closes = (ReplayedClose("p1", CloseReason.STOP_LOSS, 1_000, 959_000, -425_010),)
    replay = ReplayPush(from_ms=None, to_ms=2_000, closed=closes, checked_ticks=7)
    tell_replay(exchange.client, exchange.keys, ANN, replay)


def positions(exchange: Waiting) -> None:
    """One is opened, changed, closed in part, warned of, and stopped."""
    position = exchange.open(Direction.LONG, 10_000, idx=QUIET).event.position
    where = PositionKey(position.id, ANN, QUIET)
    for command in (
        StopsCommand("e2", where, 1, 940_000, 1_100_000, 30_000, 2_100),
        CloseCommand("e3", where, 4_000, None, 2, "k3", "fp", 2_300),
        StopsCommand("e4", where, 3, 940_000, None, None, 2_350),
        MarginCommand("e5", where, 1_000, "k5", "fp", 2_400),
    ):
        outcome = exchange.run(command)
        assert isinstance(outcome, Happened), outcome
    tick, seq = moved(exchange, -300)
    version = exchange.position(position.id).version
    follow = FollowCommand(where, version, tick, seq, None, warned=True)
    script("position_follow").run(exchange.client, *follow_call(exchange.keys, follow))
    tick, _ = moved(exchange, -800)
    trigger = TriggerCommand("e6", where, tick, By.STOP_WATCHER, False, None, 3_100)
    outcome = exchange.run(trigger)
    assert isinstance(outcome, Happened), outcome


def moved(exchange: Waiting, offset_bps: int) -> tuple[str, int]:
    """The feed moves the quiet club; id and number of the tick."""
    change = IndexChange(idx=QUIET, now_ms=3_000, offset_bps=offset_bps)
    outcome = exchange.scripts.index_apply(change, LEASE, OWNER)
    assert isinstance(outcome, Indexed)
    return outcome.tick_id, outcome.seq


def waits(exchange: Waiting) -> None:
    """Orders of every kind wait in play; then trading is halted, and they are rejected."""
    held = exchange.open(Direction.LONG, 1_000).event.position
    order = OpenOrder(
        position_id="p-1",
        user=ANN,
        idx=ARS,
        side=Direction.LONG,
        qty=1_000,
        leverage=2,
        stops=Stops(None, None, 80_000),
    )
    exchange.pending(Side.BUY, 1_000, bound_px=1_100_000)
    for command in (
        OpenCommand(order, "k7", "fp", None, 2_000, delay_ms=DELAY_MS),
        CloseCommand(
            "e8", PositionKey(held.id, ANN, ARS), None, None, None, "k8", "fp", 2_000,
            delay_ms=DELAY_MS,
        ),
    ):  # fmt: skip
        outcome = exchange.send(command)
        assert isinstance(outcome, Accepted), outcome
    exchange.halt()
    assert exchange.release().rejected == 3
