"""Processes of the simulation: ws-servers and api-servers, made of the product's own parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from touchline.actors.hub.lobby import Lobby
from touchline.actors.hub.messages import BeatDue, ReapDue, TransitionsDue
from touchline.actors.hub.presence import BEAT_S, Presence
from touchline.actors.hub.roster import Client
from touchline.actors.margin.messages import ReturnsDue, UserReconnected
from touchline.actors.margin.reconnect_listener import REMINDED_S, ReconnectListener
from touchline.actors.meters import ReplayMeter
from touchline.domain.ids import UserId
from touchline.store.keys import Keys
from touchline.store.presence import Replica
from touchline.store.reconnects import Reconnects, Reminders

from tests.fakes.addresses import RecordingAddress
from tests.fakes.hub import RecordingLink

from .clocked import ClockedRedis
from .link import Duty

KEYS = Keys("{m}")
BACKOFF_MS = 700  #: after an outage an actor starts anew
PING_S = 25.0  #: a client that is there has said something by then
TICKS = 3  #: steps of a scan


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of one machine: the calendar runs *speed* times as fast, *skew_ms* off."""

    redis: ClockedRedis
    speed: int
    skew_ms: int
    started_s: float  #: what its monotonic clock is off by

    def calendar(self) -> int:
        return (self.redis.ms + self.skew_ms) * self.speed

    def monotonic(self) -> float:
        return self.redis.ms / 1000 - self.started_s


@dataclass(slots=True, eq=False)
class Connection:
    """One connection of a user.

    Attributes:
        over_ms: since when (calendar ms) the client is gone.
        ends_ms: when the server is to notice it.
    """

    user: UserId
    server: WsServer
    client: Client
    over_ms: int | None = None
    ends_ms: int | None = None
    reason: str = "gone"


@dataclass(slots=True)
class Actor:
    """An actor of the product without its supervisor: what it is sent, and its new beginnings.

    Args:
        make: makes one incarnation.
        every: what its timers send, by seconds.
    """

    duty: Duty
    redis: ClockedRedis
    make: Callable[[], Any]
    every: dict[float, object]
    inbox: deque[object] = field(default_factory=deque)
    actor: Any = None
    begins_ms: int = 0
    due_ms: dict[float, int] = field(default_factory=dict)

    def work(self, most: int) -> None:
        """Do what is due, *most* things or less if an outage, a death or a standstill ends it."""
        self._timers()
        for _ in range(most):
            if self.duty.stands or self.duty.is_dead or not self._next():
                return

    def go_on(self) -> None:
        """From where it stands still."""
        self._judge(self.duty.go_on())

    def _timers(self) -> None:
        for every_s, message in self.every.items() if self.actor else ():
            if self.redis.ms >= self.due_ms[every_s]:
                self.due_ms[every_s] = self.redis.ms + round(every_s * 1000)
                if message not in self.inbox:
                    self.inbox.append(message)

    def _next(self) -> bool:
        if self.actor is None:
            if self.redis.ms < self.begins_ms:
                return False
            self.actor = self.make()
            self.due_ms = {s: self.redis.ms + round(s * 1000) for s in self.every}
            self._judge(self.duty.do(self.actor.started))
            return True
        mailbox = self.actor.actor_inbox
        message = mailbox.take()[1] if mailbox.depth else self.inbox and self.inbox.popleft()
        if message:
            self._judge(self.duty.do(lambda: self.actor.receive(message)))
        return bool(message)

    def _judge(self, done: bool) -> None:
        if not done:
            self.actor, self.begins_ms = None, self.redis.ms + BACKOFF_MS


class WsServer:
    """A ws-server: the lobby, presence, and what reminds of replays."""

    def __init__(
        self, name: str, redis: ClockedRedis, clocks: Clocks, reap_s: float, shows_ms: int
    ) -> None:
        """Take *shows_ms*, how often its clients ask for their portfolio."""
        self.name = name
        self.redis, self.clocks = redis, clocks
        self._shows_ms, self._shows_at = shows_ms, 0
        self.frozen_ms: int | None = None
        self.lost_ms = 0  # since when Redis has lost what this server has not found lost yet
        self.connections: dict[Connection, None] = {}
        self._told = RecordingAddress("presence")
        self.lobby = Lobby(
            (RecordingAddress("hub-0"),),
            RecordingAddress("prices"),
            RecordingAddress("subscriber"),
            self._told,
            seats=1_000,
            calendar=clocks.calendar,
            monotonic=clocks.monotonic,
        )
        duty, self.reminding = Duty(redis), Duty(redis)
        self._replica = Replica(duty.link, KEYS, name, clocks.monotonic)  # type: ignore[arg-type]
        self.presence = Actor(
            duty,
            redis,
            lambda: Presence(self._replica, self.lobby),
            {BEAT_S: BeatDue(), reap_s: ReapDue()},
        )
        self._reminders = Reminders(self.reminding.link, KEYS)  # type: ignore[arg-type]
        self.to_remind: dict[UserId, None] = {}
        self.turn()

    @property
    def duties(self) -> Sequence[Duty]:
        return self.presence.duty, self.reminding

    @property
    def is_dead(self) -> bool:
        return any(duty.is_dead for duty in self.duties)

    def is_known_by(self, client: Any) -> bool:
        """Whether Redis has lost nothing of what this server knows to be carried out."""
        return self._beat(client)[2] >= self._replica._heard

    def told_ms(self, client: Any) -> int:
        """Up to when it has told all it had seen, as Redis knows; 0 if that knows nothing."""
        return self._beat(client)[1]

    def _beat(self, client: Any) -> tuple[int, ...]:
        return tuple(map(int, (client.hget(KEYS.ws_replicas, self.name) or "0:0:0").split(":")))

    def turn(self, most: int = 1) -> None:
        """The event loop turns: sockets, then timers, then *most* of what is due."""
        if self.frozen_ms is not None:
            return
        for connection in self.over():
            self.end(connection)
        self._ping()
        self.lobby.pulse.beat(self.lobby.now())
        if self._told.told:
            self._told.told.clear()
            if TransitionsDue() not in self.presence.inbox:
                self.presence.inbox.append(TransitionsDue())
        self.presence.work(most)
        self._remind()

    def open(self, user: UserId) -> Connection:
        """A handshake of *user* succeeds."""
        clock = self.clocks.monotonic()
        link = RecordingLink()
        link.heard_at = clock
        client = Client(link, user, self.lobby.next_number(), clock)
        self.lobby.joined(client)
        self.to_remind[user] = None
        connection = Connection(user, self, client)
        self.connections[connection] = None
        return connection

    def over(self) -> list[Connection]:
        """Connections that are over as far as can be told by now."""
        now_ms = self.redis.ms
        return [c for c in self.connections if c.ends_ms is not None and c.ends_ms <= now_ms]

    def end(self, connection: Connection) -> None:
        """Notice that *connection* is over."""
        del self.connections[connection]
        self.lobby.left(connection.client, connection.reason)

    def stop(self) -> None:
        """Stop in order; what fails of that is left to the others."""
        for connection in list(self.connections):
            connection.reason = "1012"
            self.end(connection)
        actor = self.presence.actor
        if actor is not None and not self.presence.duty.stands:
            self.presence.duty.do(actor.stopped)

    def _show(self, user: UserId) -> None:
        client: Any = self.reminding.link
        while self._reminders.remind(user, int(client.get(KEYS.pfseq(user)) or 0)) is None:
            pass

    def _ping(self) -> None:
        now_s = self.clocks.monotonic()
        for connection in self.connections:
            link: Any = connection.client.link
            if connection.ends_ms is None and now_s - link.heard_at >= PING_S:
                link.heard_at = now_s

    def _remind(self) -> None:
        """What `subscriber` does for whom it follows, behind a snapshot."""
        if self.redis.ms < self._shows_at:
            return
        self._shows_at = self.redis.ms + self._shows_ms
        users = [user for user in self.to_remind if self.lobby.present(user)]
        self.to_remind.clear()
        for user in users:
            if self.reminding.stands:
                self.to_remind[user] = None
            elif not self.reminding.do(lambda user=user: self._show(user)):
                self.to_remind |= dict.fromkeys(self.lobby.users())  # it begins anew


class Returns:
    """What a listener of an api-server hears of; here it is handed over by the world."""

    def open(self) -> None: ...

    def messages(self) -> Iterator[UserId]:
        return iter(())

    def close(self) -> None: ...


class Scan:
    """A scan that finds nothing."""

    def __init__(self) -> None:
        self.happened: list[object] = []
        self.left: list[str] = []
        self.ticks = 0

    def step(self) -> bool:
        self.ticks += 1
        return self.ticks < TICKS


class ApiServer:
    """An api-server: what listens to returns."""

    def __init__(self, name: str, redis: ClockedRedis, clocks: Clocks) -> None:
        self.name = name
        self.frozen_ms: int | None = None
        self.is_deaf = False
        duty = Duty(redis)
        reconnects = Reconnects(duty.link, KEYS, name)  # type: ignore[arg-type]
        self.meter, waiting = ReplayMeter(), {}
        self.listener = Actor(
            duty,
            redis,
            lambda: ReconnectListener(
                Returns, reconnects, self, self, RecordingAddress("trade-writer"),
                clocks.calendar, self.meter, waiting,
            ),
            {REMINDED_S: ReturnsDue()},
        )  # fmt: skip
        self.turn()

    @property
    def duties(self) -> Sequence[Duty]:
        return (self.listener.duty,)

    @property
    def is_dead(self) -> bool:
        return self.listener.duty.is_dead

    def turn(self, most: int = 1) -> None:
        if self.frozen_ms is None:
            self.listener.work(most)

    def hear(self, user: UserId) -> None:
        """A return is published; nobody hears it who is not listening."""
        if not self.is_deaf and self.listener.actor is not None:
            self.listener.inbox.append(UserReconnected(user))

    # -- as the positions, and what scans them

    def positions(self, _user: UserId) -> tuple[object, ...]:
        return ()

    def begin(self, _positions: object, _by: object) -> Scan:
        return Scan()
