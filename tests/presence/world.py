"""A few ws-servers and two api-servers over one Redis, their users, and all that befalls them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import redis as redis_module
from touchline.actors.hub.presence import REAP_S
from touchline.domain.ids import UserId
from touchline.domain.pushes import ReplayPush
from touchline.store.keys import USER_RECONNECT
from touchline.store.pubsub import REPLAY_WAITS
from touchline.store.wire import decode_portfolio

from .clocked import ClockedRedis, Mutate
from .link import Fate
from .servers import KEYS, ApiServer, Clocks, Connection, WsServer
from .truth import Truth

USERS = (UserId(1), UserId(2))
SERVERS = 3
SKEW_MS = 40  #: clocks of machines differ by twice as much
#: What a server may be late by, of its clock and of messages on their way.
NEAR_MS = 2 * SKEW_MS + 60
NOBODY = "0"  #: published last, so that everything before it has arrived
STANDS_MS = 4_500  #: a process that stands still for less does not count as one; see Pulse
SETTLES_S, SETTLED_S = 140, 20  #: a death, a look, a lock, and a rest; the least there is to see
#: What may be befallen: of which duty of a server, and which kinds of messages; none for any.
JOINS, BEATS = ("presence_join", "presence_leave"), ("presence_beat",)
OF_WS = ((0, JOINS), (0, JOINS), (0, BEATS), (0, ()), (1, ()))
OF_API = ((0, ("replay_take",)), (0, ("replay_tell",)), (0, ()))
SILENT_MS = (1_000, 35_000)  #: after that it is noticed that a client's network is gone


class World:
    """*client*'s Redis is emptied; all is up, and nobody is connected.

    Args:
        seed: of what the steps of the story leave open.
        mutate: breaks a rule of the scripts.

    Attributes:
        truth: what really happened.
        chance: decides what the present step leaves open.
    """

    def __init__(self, client: redis_module.Redis, seed: int, mutate: Mutate = str) -> None:
        locks = [KEYS.replay_lock(user) for user in USERS]
        self.redis = ClockedRedis(client, locks, mutate)
        self.chance = random.Random(seed)
        self._speed = self.chance.choice((1, 60))
        self.truth = Truth(NEAR_MS * self._speed)
        self._named = 0
        self._coming: dict[UserId, int] = {}  # clients that will connect again by themselves
        # How often servers look for dead ones, and clients for what they have missed.
        self._ways = (
            self.chance.choice((REAP_S, 4 * REAP_S, 12 * REAP_S)),
            self.chance.choice((0, 0, 25_000)),
        )
        self._homing = self.chance.choice((0.0, 0.5, 1.0))
        self._heard = 0  # messages of which all that was published has been heard
        self._pubsub: Any = client.pubsub()
        self._pubsub.subscribe(USER_RECONNECT)
        self._pubsub.psubscribe("portfolio:*")
        for user in USERS:
            client.sadd(KEYS.open_by_user(user), "a position")
        self.apis = [self._api(), self._api()]
        self.servers: list[WsServer] = []
        for _ in range(SERVERS):
            self.servers.append(self._ws())
            self.advance(self.chance.randrange(5_000))
        self.hear()

    def close(self) -> None:
        self._pubsub.close()

    @property
    def ms(self) -> int:
        """What the clocks that are right say on the calendar."""
        return self.redis.ms * self._speed

    @property
    def connections(self) -> list[Connection]:
        """Those whose users are there."""
        return [c for s in self.servers for c in s.connections if c.over_ms is None]

    # -- users

    def connect(self, user: UserId, server: WsServer) -> None:
        if server.frozen_ms is None:
            server.open(user)
            self.truth.connected(user, self.ms)

    def disconnect(self, connection: Connection) -> None:
        self._leave(connection, 0, "gone")

    def vanish(self, connection: Connection) -> None:
        """The client's network is gone, and the server hears nothing of it."""
        self._leave(connection, self.chance.randint(*SILENT_MS), "1011")
        self._come_back(connection.user)

    def _leave(self, connection: Connection, silent_ms: int, reason: str) -> None:
        connection.over_ms, connection.reason = self.ms, reason
        connection.ends_ms = self.redis.ms + silent_ms
        self._disconnected(connection)

    def _disconnected(self, connection: Connection) -> None:
        user, every = connection.user, [c for s in self.servers for c in s.connections]
        silent = {c.server.name for c in every if c.user == user and c.reason == "1011"}
        self.truth.disconnected(user, connection.server.name, self.ms, silent)

    def _come_back(self, user: UserId) -> None:
        """As clients do whose connection ends without their doing."""
        if self.chance.random() < self._homing:
            self._coming[user] = self.redis.ms + self.chance.choice((0, 300, 2_000, 9_000))

    # -- processes

    def kill(self, process: WsServer | ApiServer) -> None:
        """kill -9; another process takes its place."""
        if isinstance(process, ApiServer):
            self.apis[self.apis.index(process)] = self._api()
        else:
            self._hang_up(process)
            self.truth.died(process.name, process.told_ms(self.redis.client) or self.ms)
            self._forgotten(process)
            self.servers[self.servers.index(process)] = self._ws()

    def stop(self, server: WsServer) -> None:
        """SIGTERM; another process takes its place."""
        if server.frozen_ms is None:
            self._hang_up(server)
            self.truth.died(server.name, self.ms)
            server.stop()
            self._forgotten(server)
            self.servers[self.servers.index(server)] = self._ws()

    def freeze(self, process: WsServer | ApiServer) -> None:
        if process.frozen_ms is None:
            process.frozen_ms = self.redis.ms

    def thaw(self, process: WsServer | ApiServer) -> None:
        if process.frozen_ms is not None and self.redis.ms - process.frozen_ms > STANDS_MS:
            process.frozen_ms = None

    def go_on(self, process: WsServer | ApiServer) -> None:
        """Duties that stand still amid something end it."""
        if process.frozen_ms is None:
            for duty in process.duties:
                duty.stands and self._actor(process, duty).go_on()

    def _hang_up(self, server: WsServer) -> None:
        for connection in server.connections:
            if connection.over_ms is None:
                self._disconnected(connection)
                self._come_back(connection.user)

    def _forgotten(self, server: WsServer) -> None:
        """What *server*, which is dead, has told nobody of, or Redis has lost of it."""
        since = dict.fromkeys(USERS, self.ms)
        if not server.is_known_by(self.redis.client):
            since = dict.fromkeys(USERS, server.lost_ms)
        for change in server.lobby.transitions.oldest(len(USERS)):
            since[change.user] = min(since[change.user], change.left.ms if change.left else self.ms)
        for connection in server.connections:
            since[connection.user] = min(since[connection.user], connection.over_ms or self.ms)
        for user, since_ms in since.items():
            seen = self.redis.client.get(KEYS.last_seen(user))
            noted = seen is not None and int(seen) <= since_ms + self.truth.near_ms
            if not noted and not self._is_held(user, server.name):
                self.truth.forgotten(user, server.name, since_ms)

    def _is_held(self, user: UserId, server: str) -> bool:
        return bool(self.redis.client.hexists(KEYS.presence(user), server))

    def _actor(self, process: WsServer | ApiServer, duty: Any) -> Any:
        if isinstance(process, ApiServer):
            return process.listener
        return process.presence if duty is process.presence.duty else duty

    # -- Redis

    def go_down(self, *, down: bool) -> None:
        self.redis.is_down = down

    def lose(self) -> None:
        """Redis restarts without what it was told in the last second."""
        unaware = [server for server in self.servers if server.is_known_by(self.redis.client)]
        lost = self.redis.lose()
        if lost is None:
            return
        for server in unaware:
            server.lost_ms = lost * self._speed
        for process in (*self.servers, *self.apis):
            for duty in process.duties:
                duty.link.held.clear()
        for user in USERS:
            self._lost(user, lost * self._speed)

    def _lost(self, user: UserId, since_ms: int) -> None:
        """What the dead have told of *user*, and Redis does not know any more."""
        living = {server.name for server in self.servers}
        for name in {window.server for window in self.truth.windows[user]} - living:
            if not self._is_held(user, name):
                self.truth.forgotten(user, name, since_ms)

    def befall(self, process: WsServer | ApiServer, fate: Fate, what: int) -> None:
        """Something will happen to a message of one of its duties."""
        kinds = OF_API if isinstance(process, ApiServer) else OF_WS
        which, kind = kinds[what % len(kinds)]
        link = process.duties[which].link
        link.fate, link.what = fate, kind

    def deliver(self) -> None:
        """What was held up on its way gets there."""
        for process in (*self.servers, *self.apis):
            for duty in process.duties:
                duty.link.deliver()

    # -- time

    def advance(self, ms: int) -> None:
        """Let time pass, a second at once at most; everybody who can works on."""
        while ms > 0:
            piece = min(ms, 1_000)
            ms -= piece
            self.redis.pass_time(piece)
            self.turn()

    def turn(self) -> None:
        for user, at_ms in list(self._coming.items()):
            if self.redis.ms >= at_ms:
                del self._coming[user]
                self.connect(user, self.chance.choice(self.servers))
        for process in self._shuffled():
            process.turn(self.chance.choice((1, 1, 3)))
            if process.is_dead:
                self.kill(process)
        self.hear()

    def hear(self) -> None:
        """Whatever was published reaches whoever listens."""
        if self._heard == self.redis.published:
            return
        self._heard = self.redis.published
        self.redis.client.publish(USER_RECONNECT, NOBODY)
        while (message := self._pubsub.get_message(timeout=5.0))["data"] != NOBODY:
            self._published(message)

    def _published(self, message: dict[str, Any]) -> None:
        if message["type"] == "message":
            for api in self.apis:
                api.hear(UserId(int(message["data"])))
        elif message["type"] == "pmessage":
            user = UserId(int(message["channel"].partition(":")[2]))
            if message["data"] == REPLAY_WAITS:
                for server in self.servers:
                    server.to_remind[user] = None
            elif (event := decode_portfolio(message["data"])) is not None:
                self._told(user, event.push)

    def _told(self, user: UserId, push: object) -> None:
        assert isinstance(push, ReplayPush)
        self.truth.replayed(user, push.from_ms, push.to_ms)

    # -- the end

    def settle(self) -> None:
        """Nothing befalls anybody any more, and everybody comes back."""
        self.go_down(down=False)
        for process in (*self.servers, *self.apis):
            for duty in process.duties:
                duty.link.fate = None
        self.advance(STANDS_MS + 1_000)
        for process in (*self.servers, *self.apis):
            self.thaw(process)
            self.go_on(process)
            process.is_deaf = False
        self.deliver()
        for user in USERS:
            if not self.truth.is_connected(user):
                self.connect(user, self.chance.choice(self.servers))
        for _ in range(SETTLES_S // SETTLED_S):
            self.advance(SETTLED_S * 1_000)
            if not self.truth.holes and not self.strangers():
                return

    def strangers(self) -> dict[UserId, set[str]]:
        """Of each user where Redis has them and they are not, or the other way round."""
        there = {
            user: {c.server.name for c in self.connections if c.user == user} for user in USERS
        }
        held = {user: set(self.redis.client.hkeys(KEYS.presence(user))) for user in USERS}
        return {user: held[user] ^ there[user] for user in USERS if held[user] != there[user]}

    def told_for_nothing(self) -> list[tuple[bytes, bytes]]:
        """Users and stamps of what was told twice, or was no return."""
        times = Counter(self.redis.told)
        return [each for each in times if times[each] > 1 or each not in self.redis.noted]

    def _shuffled(self) -> Sequence[WsServer | ApiServer]:
        processes = [*self.servers, *self.apis]
        self.chance.shuffle(processes)
        return processes

    def _ws(self) -> WsServer:
        return WsServer(self._name("w"), self.redis, self._clocks(), *self._ways)

    def _api(self) -> ApiServer:
        return ApiServer(self._name("a"), self.redis, self._clocks())

    def _name(self, kind: str) -> str:
        self._named += 1
        return f"{kind}{self._named}"

    def _clocks(self) -> Clocks:
        skew_ms = self.chance.randint(-SKEW_MS, SKEW_MS)
        return Clocks(self.redis, self._speed, skew_ms, self.chance.uniform(0, 1e6))
