"""The whole hub over real sockets: the market moves and clients see it, whatever crashes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import gevent
import pytest
import redis as redis_module
from touchline.actors.events import BackedOff, Crashed, Event, Restarted, Started
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import new_instrument
from touchline.domain.positions import Direction
from touchline.domain.pushes import ReplayPush
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store.keys import USER_RECONNECT
from touchline.store.reconnects import Reconnects, Taken
from websockets.exceptions import ConnectionClosed

from tests.fakes.client_frames import TEXT, client_frame
from tests.fakes.exchange import ANN, ARS, BOB, EVE, LEASE, OWNER, Exchange
from tests.fakes.hub import WAIT_S, RunningHub
from tests.fakes.peer import Peer


@pytest.fixture
def exchange(redis: redis_module.Redis) -> Exchange:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    exchange.fund(BOB)
    return exchange


@pytest.fixture
def hub(redis: redis_module.Redis, exchange: Exchange) -> Iterator[RunningHub]:
    with RunningHub(redis) as hub:
        yield hub


def goal(exchange: Exchange, offset_bps: int) -> None:
    """A goal moves ARS and halts it."""
    change = IndexChange(
        idx=ARS, now_ms=5_000, offset_bps=offset_bps, phase=Phase.LIVE, halt=Halt.EVENT, fixture=1
    )
    exchange.scripts.index_apply(change, LEASE, OWNER)


def whose(hub: RunningHub, kind: type[Event]) -> str:
    """The child of the next supervision event of *kind*."""
    while not isinstance(event := hub.tree.next_event(WAIT_S), kind):
        pass
    return event.name


def test_a_goal_reaches_everybody_who_listens_to_the_club(hub, exchange):
    with hub.connect(5) as ann, hub.connect(6) as bob:
        assert ann.ask("subscribe", channels=["price:1"])["ok"]
        assert bob.ask("subscribe", channels=["price:*"])["ok"]
        assert ann.next()["seq"] == 0
        assert [bob.next()["channel"] for _ in range(2)] == ["price:1", "price:2"]

        goal(exchange, 250)

        for update in (ann.next(), bob.next()):
            assert (update["op"], update["channel"], update["seq"]) == ("update", "price:1", 1)
            assert update["data"]["status"] == "halted"
            assert update["data"]["halt_reasons"] == ["EVENT"]
            assert update["data"]["phase"] == "live"
            assert update["data"]["mid"] == "102.5000"


def test_a_trade_reaches_its_user_at_once_and_nobody_else(hub, exchange):
    with hub.connect(5) as ann, hub.connect(5) as phone, hub.connect(6) as bob:
        for session in (ann, phone, bob):
            session.ask("subscribe", channels=["portfolio"])
            assert session.next()["data"]["account"]["cash"] == "10000.0000"

        exchange.order(Side.BUY, 1_000)
        exchange.fund(BOB, 5_000)

        for session in (ann, phone):
            fill = session.next()
            assert (fill["channel"], fill["seq"], fill["event"]) == ("portfolio", 2, "fill")
            assert fill["data"]["quantity"] == "1.000"
        grant = bob.next()
        assert (grant["event"], grant["data"]["amount"]) == ("wallet", "0.5000")


def test_positions_are_in_the_snapshot_and_their_events_reach_their_owner(hub, exchange):
    first = exchange.open(Direction.LONG, 10_000).event.position
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["portfolio"])
        snapshot = ann.next()["data"]

        exchange.open(Direction.SHORT, 1_000)

        update = ann.next()
        assert [each["position_id"] for each in snapshot["positions"]] == [first.id]
        assert snapshot["account"]["margin_used"] == snapshot["positions"][0]["margin"]
        assert (update["event"], update["seq"]) == ("position_opened", 3)
        assert update["data"]["position"].items() >= {"side": "short", "symbol": "ARS"}.items()


def replayed(exchange: Exchange) -> None:
    """A replay of what Ann has missed, as soon as her return is noted."""
    digest = ReplayPush(from_ms=1_000, to_ms=2_000, closed=(), checked_ticks=7)
    reconnects = Reconnects(exchange.client, exchange.keys, "one")
    with gevent.Timeout(WAIT_S):
        while not isinstance(taken := reconnects.take(ANN), Taken):
            gevent.sleep(0.01)
    assert reconnects.tell(taken, digest)


def test_a_replay_of_before_anybody_listened_follows_the_first_snapshot_and_no_other(hub, exchange):
    exchange.open(Direction.LONG, 1_000)
    with hub.connect(5) as ann, hub.connect(5) as phone:
        replayed(exchange)

        ann.ask("subscribe", channels=["portfolio"])
        snapshot, replay = ann.next(), ann.next()
        phone.ask("subscribe", channels=["portfolio"])
        later = phone.next()
        exchange.fund(ANN, 5_000)

        assert (snapshot["op"], replay["event"]) == ("snapshot", "replay")
        assert replay["seq"] == snapshot["seq"] + 1 == later["seq"]
        assert replay["data"]["checked_ticks"] == 7
        assert phone.next()["event"] == "wallet"


def test_a_replay_is_told_once_to_whoever_listens_whatever_they_do_meanwhile(hub, exchange):
    exchange.open(Direction.LONG, 1_000)
    with hub.connect(5) as ann, hub.connect(5) as phone:
        ann.ask("subscribe", channels=["portfolio"])
        snapshot = ann.next()
        # Whether the phone has its snapshot by then or not: Ann's number one is told by both.
        phone.socket.send('{"op": "subscribe", "id": 1, "channels": ["portfolio"]}')
        replayed(exchange)

        replay = ann.next()
        exchange.fund(ANN, 5_000)

        assert (replay["event"], replay["seq"]) == ("replay", snapshot["seq"] + 1)
        assert ann.next()["event"] == "wallet"


def test_whoever_resumes_gets_what_was_missed_and_nothing_twice(hub, exchange):
    with hub.connect() as ann:
        ann.ask("subscribe", channels=["price:1", "price:2", "portfolio"])
        known = {message["channel"]: message["seq"] for message in (ann.next() for _ in range(3))}
    exchange.order(Side.BUY, 1_000)

    with hub.connect() as ann:
        answer = ann.ask(
            "resume",
            price={"1": known["price:1"], "2": known["price:2"]},
            portfolio=known["portfolio"],
        )
        missed = {message["channel"]: message for message in (ann.next() for _ in range(2))}
        exchange.order(Side.BUY, 1_000)
        then = ann.next()

    assert answer["ok"]
    assert missed.keys() == {"price:1", "portfolio"}
    assert missed["portfolio"]["op"] == "update"
    assert missed["portfolio"]["seq"] == known["portfolio"] + 1
    assert then["seq"] == known["portfolio"] + 2


def test_a_club_that_is_new_can_be_listened_to_after_its_first_tick(hub, exchange):
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["price:*"])
        for _ in range(2):
            ann.next()

        exchange.hot.create_instrument(new_instrument(InstrumentIdx(3), "WOL", "Wolves"))
        exchange.order(Side.BUY, 1_000, idx=3)

        shown = ann.next()
        assert (shown["op"], shown["channel"]) == ("snapshot", "price:3")
        assert ann.ask("subscribe", channels=["price:3"])["ok"]


def test_losing_the_pub_sub_link_costs_no_client_and_no_change(hub, exchange, redis):
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["price:1", "portfolio"])
        assert {ann.next()["channel"], ann.next()["channel"]} == {"price:1", "portfolio"}

        redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        exchange.order(Side.BUY, 1_000)
        links = {whose(hub, BackedOff) for _ in range(2)}  # each of them has one
        assert links == {"subscriber", "session-watcher"}

        shown = {message["channel"]: message for message in (ann.next() for _ in range(2))}
        assert (shown["price:1"]["op"], shown["price:1"]["seq"]) == ("snapshot", 1)
        assert (shown["portfolio"]["op"], shown["portfolio"]["seq"]) == ("update", 2)
        assert shown["portfolio"]["event"] == "fill"
        exchange.order(Side.BUY, 1_000)
        updates = (ann.next() for _ in range(2))
        assert {each["channel"]: each["seq"] for each in updates} == {"price:1": 2, "portfolio": 3}


def test_a_crashing_shard_costs_no_client(hub, exchange):
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["price:1"])
        ann.next()
        shard = f"hub-{hub.lobby.shard_of(UserId(5))}"

        hub.tree.tell(shard, "no message of a shard")
        assert whose(hub, Crashed) == shard
        assert whose(hub, Restarted) == shard

        goal(exchange, 100)
        assert ann.next()["seq"] == 1
        assert ann.ask("ping")["op"] == "pong"


def test_a_shard_that_an_operator_restarts_costs_no_client(hub, exchange):
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["price:1"])
        ann.next()
        shard = f"hub-{hub.lobby.shard_of(UserId(5))}"

        assert hub.tree.restart(shard, by="an operator")
        assert whose(hub, Started) == shard

        goal(exchange, 100)
        assert ann.next()["seq"] == 1
        assert ann.ask("ping")["op"] == "pong"


def test_presence_follows_a_users_first_and_last_connection(hub, redis):
    returns = redis.pubsub()
    returns.subscribe(USER_RECONNECT)
    returns.get_message(timeout=WAIT_S)

    with hub.connect(5), hub.connect(5):
        assert returns.get_message(timeout=WAIT_S)["data"] == "5"
        assert redis.hkeys(hub.keys.presence(5)) == ["here"]
    with hub.connect(5):
        assert returns.get_message(timeout=WAIT_S)["data"] == "5"
        assert redis.get(hub.keys.last_seen(5)) is not None
    returns.close()


def test_a_stopping_hub_sends_its_clients_away_and_says_that_they_left(redis, exchange):
    with RunningHub(redis) as hub:
        sessions = [hub.connect(user) for user in (5, 6)]

    for session in sessions:
        with pytest.raises(ConnectionClosed) as closed:
            session.socket.recv(timeout=WAIT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert closed.value.rcvd.reason.startswith("retry_ms=")
    assert redis.hgetall(hub.keys.ws_replicas) == {}
    assert redis.exists(hub.keys.last_seen(5), hub.keys.last_seen(6)) == 2
    assert hub.lobby.taken == 0 or all(not roster.clients for roster in hub.lobby.rosters)


def test_a_client_that_asks_nonsense_is_told_and_then_closed(hub):
    with hub.connect() as ann:
        for _ in range(5):
            ann.socket.send("nonsense")
        errors = [ann.next() for _ in range(5)]

        assert {error["code"] for error in errors} == {"BAD_MESSAGE"}
        with pytest.raises(ConnectionClosed) as closed:
            ann.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400


def test_every_client_library_message_size_is_held_to_the_limit(hub):
    with hub.connect() as ann:
        padding = "x" * 5_000
        ann.socket.send(json.dumps({"op": "subscribe", "id": 1, "channels": [padding]}))

        with pytest.raises(ConnectionClosed) as closed:
            ann.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_one_client_that_never_reads_does_not_delay_the_others(hub, exchange):
    sleeper = Peer.of(hub.port, hub.token(6))
    sleeper.say(client_frame(TEXT, b'{"op":"subscribe","id":1,"channels":["price:*"]}'))
    with hub.connect(5) as ann:
        ann.ask("subscribe", channels=["portfolio"])
        ann.next()

        for _ in range(100):
            exchange.order(Side.BUY, 1, idx=EVE)
            assert ann.next()["event"] == "fill"
    sleeper.leave()
