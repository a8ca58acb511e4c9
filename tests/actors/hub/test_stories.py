"""Random stories of the hub: whatever befalls it, clients are told the truth in order.

There are one shard, the prices actor, and a subscriber that reads, hears and loses ticks at any
moment, also amid what the others send.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gevent import GreenletExit
from hypothesis import example, given, settings
from hypothesis import strategies as st
from touchline.actors.hub.board import Move, Price
from touchline.actors.hub.broadcast import STRIDE
from touchline.actors.hub.channels import Channels
from touchline.actors.hub.messages import (
    BoardMoved,
    ClientJoined,
    ClientSpoke,
    FlushDue,
    ShardMessage,
    TicksDue,
)
from touchline.actors.hub.prices import Prices
from touchline.actors.hub.replies import update
from touchline.actors.hub.roster import Client
from touchline.actors.hub.shard import Shard
from touchline.domain.ids import InstrumentIdx

from tests.fakes.hub import SlowLink

from .conftest import LIFE, Stage

INDEXES = tuple(map(InstrumentIdx, (1, 2)))
CHANNELS = ("price:1", "price:2", "price:*")
CLIENTS = 3


class FrailLink(SlowLink):
    """A link at which whoever sends to it may die."""

    deadly = False

    def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
        if self.deadly:
            raise GreenletExit
        super().send(frame, supersedes, messages)

    def send_prices(self, joined: bytes, frames: Mapping[int, bytes]) -> None:
        if self.deadly:
            raise GreenletExit
        super().send_prices(joined, frames)


@dataclass
class Listener:
    """A client that holds the server to its promises, over one connection."""

    client: Client
    link: FrailLink
    ways: dict[str, bool] = field(default_factory=dict)  # conflated or not, by channel
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)  # of which a resync announced a snapshot
    again: set[str] = field(default_factory=set)  # whose newest may be told a second time
    asked: dict[int, dict[str, Any]] = field(default_factory=dict)  # by the number of the request

    def way(self, channel: str) -> bool | None:
        """Whether *channel* is conflated; None if it is not followed."""
        ways = [self.ways[name] for name in (channel, "price:*") if name in self.ways]
        return all(ways) if ways else None

    def hear(self) -> None:
        for message in self.link.take():
            getattr(self, f"_{message['op']}", lambda _: None)(message)

    def _ack(self, ack: Any) -> None:
        assert ack["ok"], ack
        asked = self.asked.pop(ack["id"])
        for name in ack["channels"]:
            if asked["op"] == "unsubscribe":
                self.ways.pop(name, None)
            else:
                self.ways[name] = asked.get("conflated", True)
        self.again = {f"price:{idx}" for idx in INDEXES}
        for channel in self.again:
            if self.way(channel) is None:
                self.known.pop(channel, None)

    def _resync(self, resync: Any) -> None:
        assert self.way(resync["channel"]) is False
        self.lost.add(resync["channel"])

    def _snapshot(self, shown: Any) -> None:
        channel, seen = shown["channel"], (shown["epoch"], shown["seq"])
        assert self.way(channel) is not None
        assert seen >= self.known.get(channel, seen) or channel in self.again
        self.known[channel] = seen  # from which every tick counts on, also if it is an older one
        self.lost.discard(channel)

    def _update(self, told: Any) -> None:
        channel, seq = told["channel"], told["seq"]
        conflated, (epoch, before) = self.way(channel), self.known[channel]
        assert conflated is not None
        assert channel not in self.lost
        assert seq > before or (seq == before and channel in self.again)
        assert conflated or seq <= before + 1
        self.known[channel] = epoch, seq
        if seq > before:
            self.again.discard(channel)


Step = tuple[str, int]


class World:
    """A market, the way from it to one shard, and the clients of that."""

    def __init__(self, story: Iterator[Step]) -> None:
        """Take the *story*, which goes on while a broadcast gives way to others."""
        self.stage, self.epoch = Stage(), LIFE
        self.story, self.amid, self.steps_amid = story, False, 0
        self.stage.lobby.monotonic = self._now_s
        self.seqs = {InstrumentIdx(1): 10, InstrumentIdx(2): 20}
        self.coming: list[Move] = []
        self.requests = 0
        self.listeners: list[Listener] = []
        self._begin()
        self._begin_prices()
        self._fill(STRIDE)  # so that not all are sent to in one go
        for which in range(CLIENTS):
            self._join()
            self.subscribe(which)
            self._fill(STRIDE // 2)

    def _fill(self, count: int) -> None:
        """Seat clients who listen to what never moves."""
        for _ in range(count):
            self.stage.roster.listen(self.stage.seat()[0], Channels(frozenset({InstrumentIdx(9)})))

    def _begin(self) -> None:
        self.shard = Shard(0, self.stage.lobby, self.stage.clock.calendar)
        self.shard.started()

    def _begin_prices(self) -> None:
        self.prices = Prices(self.stage.lobby)
        try:
            self.prices.started()
        except GreenletExit:  # somebody became deadly meanwhile
            self._revive()
            self._begin_prices()

    def _now_s(self) -> float:
        """The time, which a broadcast looks at when it may have to give way."""
        if self.stage.lobby.floor.under_way is not None and not self.amid:
            self.amid = True
            for _ in range(self.steps_amid):
                self.go_on()
            self.amid = False
        return self.stage.clock.monotonic()

    def go_on(self) -> bool:
        """Do the next step of the story; False at its end."""
        step, which = next(self.story, (None, 0))
        if step is not None:
            getattr(self, step)(which)
        return step is not None

    def _join(self) -> None:
        client, _ = self.stage.seat()
        client.link = link = FrailLink()
        self.listeners.append(Listener(client, link))

    def tell(self, *messages: ShardMessage) -> None:
        """Have the shard handle *messages*, and its successor begin where it dies of one."""
        for message in messages:
            try:
                self.shard.receive(message)
            except GreenletExit:
                self._revive()
                self._begin()
            for each in self.listeners:
                each.hear()

    # -- what may happen

    def tick(self, which: int) -> None:
        idx = INDEXES[which % 2]
        self.seqs[idx] += 1
        data = {"mark": str(self.seqs[idx])}
        frame = update(f"price:{idx}", self.seqs[idx], data)
        self.coming.append(Move(self.epoch, idx, self.seqs[idx], data, frame))

    def arrive(self, _: int) -> None:
        """The subscriber hears a tick."""
        if self.coming:
            self.stage.quotes.moved(self.coming.pop(0))

    def catch_up(self, _: int) -> None:
        """The shard handles what the subscriber has told it."""
        told, self.stage.shard.told = self.stage.shard.told, []
        self.tell(*(each for each in told if not isinstance(each, ClientJoined)))

    def lose(self, _: int) -> None:
        if self.coming:
            self.coming.pop(0)

    def ticks(self, _: int) -> None:
        self.tell(TicksDue())

    def flush(self, which: int) -> None:
        if self.stage.lobby.floor.under_way is not None:
            return
        self.steps_amid = which % 4
        for message in (BoardMoved(), FlushDue()):
            try:
                self.prices.receive(message)
            except GreenletExit:
                self._revive()
                self._begin_prices()
            for each in self.listeners:
                each.hear()

    def _revive(self) -> None:
        for each in self.listeners:
            each.link.deadly = False

    def read(self, _: int, *, relinked: bool = False) -> None:
        prices = tuple(
            Price(idx, seq, {"idx": idx, "mark": str(seq)}) for idx, seq in self.seqs.items()
        )
        self.stage.quotes.read(self.epoch, prices, relinked=relinked)

    def relink(self, which: int) -> None:
        self.coming.clear()
        self.read(which, relinked=True)

    def put_back(self, which: int) -> None:
        """Redis lost a little and begins another life."""
        self.epoch += 1
        self.seqs = {idx: seq - which % 3 for idx, seq in self.seqs.items()}
        self.relink(which)

    def restart(self, _: int) -> None:
        self._begin()

    def die(self, which: int) -> None:
        """The next message to this client ends the shard."""
        self.listeners[which % CLIENTS].link.deadly = True

    def slow_down(self, which: int) -> None:
        """From now on this client takes nothing; or no more of what can be taken out again."""
        self.listeners[which % CLIENTS].link.slow_down()

    def speed_up(self, which: int) -> None:
        """This client takes all there is."""
        listener = self.listeners[which % CLIENTS]
        listener.link.catch_up()
        listener.hear()

    def subscribe(self, which: int) -> None:
        listener = self.listeners[which % CLIENTS]
        channel, conflated = CHANNELS[which // CLIENTS % 3], which // 9 % 2 == 0
        self._ask(listener, op="subscribe", channels=[channel], conflated=conflated)

    def unsubscribe(self, which: int) -> None:
        channel = CHANNELS[which // CLIENTS % 3]
        self._ask(self.listeners[which % CLIENTS], op="unsubscribe", channels=[channel])

    def resume(self, which: int) -> None:
        """Come back with what was known, and follow what has a number."""
        old = self.listeners[which % CLIENTS]
        self.leave(which)
        new = self.listeners[which % CLIENTS]
        new.known = dict(old.known)
        for conflated in (True, False):
            mine = {name: seen for name, seen in new.known.items() if old.way(name) is conflated}
            if mine:
                price = {name.partition(":")[2]: seq for name, (_, seq) in mine.items()}
                epoch = min(epoch for epoch, _ in mine.values())
                self._ask(new, op="resume", epoch=epoch, price=price, conflated=conflated)

    def leave(self, which: int) -> None:
        """Somebody leaves, with a request on its way, and somebody else comes."""
        place = which % CLIENTS
        left = self.listeners[place]
        self.stage.lobby.left(left.client, "gone")
        left.link.take()
        self._ask(left, op="subscribe", channels=["price:1"], conflated=which // CLIENTS % 2 == 0)
        assert left.link.take() == []
        self._join()
        self.listeners[place] = self.listeners.pop()

    def _ask(self, listener: Listener, **request: Any) -> None:
        if listener.link.deadly:
            return  # whether it is answered depends on where the shard dies
        self.requests += 1
        listener.asked[self.requests] = request
        self.tell(ClientSpoke(listener.client, json.dumps({"id": self.requests, **request})))

    # -- what must be so

    def everybody_knows_everything(self) -> None:
        self._revive()
        for which in range(CLIENTS):
            self.speed_up(which)
        while self.coming:
            self.arrive(0)
        for step in (self.read, self.read, self.catch_up, self.ticks, self.flush):
            step(0)
        for each in self.listeners:
            for idx, seq in self.seqs.items():
                if each.way(f"price:{idx}") is not None:
                    assert each.known[f"price:{idx}"] == (self.epoch, seq)


STEPS = (
    *("tick", "tick", "tick", "arrive", "arrive", "arrive", "lose"),
    *("catch_up", "catch_up", "ticks", "flush"),
    *("read", "relink", "put_back", "restart", "die"),
    *("slow_down", "slow_down", "speed_up"),
    *("subscribe", "subscribe", "subscribe", "unsubscribe", "resume", "leave"),
)
STORY = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 17)), max_size=80)

#: A slow client is to be told of another epoch, in which a price moves before it has taken that.
BEHIND_AN_EPOCH = [
    *(("tick", 0), ("arrive", 0), ("flush", 0), ("slow_down", 0), ("put_back", 2), ("flush", 0)),
    *(("tick", 0), ("arrive", 0), ("flush", 0), ("speed_up", 0)),
]


@settings(max_examples=500)
@given(STORY)
@example(BEHIND_AN_EPOCH)
def test_whatever_befalls_the_hub_clients_are_told_the_truth_in_order(story):
    world = World(iter(story))

    while world.go_on():
        pass

    world.everybody_knows_everything()
