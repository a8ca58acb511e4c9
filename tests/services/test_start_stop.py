"""Every child of every service, started and stopped many times: nothing is left behind.

The children come from the services' own lists, so a new one is in here by itself.
"""

from __future__ import annotations

import gc
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import gevent
import pykka
import pytest
import redis as redis_module
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.feeds.pace import Pace
from touchline.actors.health import NEEDED, State
from touchline.actors.listener import HttpListener
from touchline.actors.server_reviver import ServerReviver
from touchline.actors.supervisor import Supervisor
from touchline.actors.tree import Tree
from touchline.config import Servers
from touchline.domain.bots import BotTerms
from touchline.domain.clock import system_calendar
from touchline.http.health import HealthApp
from touchline.http.keys import new_keypair
from touchline.http.serve import ServerFactory
from touchline.issuer.server import Issuer
from touchline.matchserver.clock import WarpClock, windows_of
from touchline.matchserver.season import generate_season
from touchline.matchserver.server import MatchServer
from touchline.services import api_server, flusher, up, ws_server
from touchline.services.boot import prepare, rehydrator
from touchline.services.health import ServiceHealth
from touchline.services.stores import open_stores
from touchline.store.embedded import Addresses as ServerAddresses
from touchline.store.outage import OUTAGES
from touchline.store.postgres import Postgres

TIMES = 25  #: starts and stops of each child
WHOLE_TIMES = 4  #: starts and stops of a service's whole list
MOST_TURNS = 100  #: of the event loop between a start and a stop
WAIT_S = 20.0
ROLE = "start-stop"  #: what the servers call our connections
#: Children that are written in place rather than listed by a function; built below by hand.
BY_HAND = {"health-listener", "server-reviver"}
LITERAL_NAME = re.compile(r'Child\(\s*"([^"]+)"')

Left = tuple[int, int, int]  #: open file descriptors, clients of Redis, sessions of Postgres


class Lists:
    """All child lists over one set of stores, and a match server for the feed."""

    def __init__(self, servers: ServerAddresses) -> None:
        self.stores = open_stores(
            Servers(servers.redis_url, servers.database_url, ""), ROLE, connections=12
        )
        prepare(self.stores)
        self.addresses = Addresses()
        season = generate_season(3)
        clock = WarpClock(windows_of(season, 10.0), 10.0, time.monotonic)
        self.stage = up._Stage(
            options=up.UpOptions(
                data_dir=Path(),
                season=season,
                speed=10.0,
                api_port=0,
                ws_port=0,
                until_finished=False,
                bots=BotTerms(seed=1, daily_loss_e4=1, everywhere=True),
            ),
            api_port=0,
            ws_port=0,
            private_key=new_keypair()[0],
            stores=self.stores,
            addresses=self.addresses,
            health=ServiceHealth(ROLE, self.stores, NEEDED),
            clock=clock,
            match_server=MatchServer(season, clock, token=up.MATCH_SERVER_TOKEN),
            issuer=Issuer(),
        )

    def of(self, service: str) -> list[Child]:
        """The child list of *service*, as in its process."""
        stores, addresses = self.stores, self.addresses
        # Another one each time, for it shows the metrics of one process.
        health = ServiceHealth(ROLE, stores, NEEDED)
        stage = replace(self.stage, health=health)
        match service:
            case "flusher":
                open_http = ServerFactory(up.HOST, 0, HealthApp(health))
                listener = Child("health-listener", lambda: HttpListener(open_http))
                listed = [
                    rehydrator(stores),
                    *flusher.children(stores, health, 0.1, system_calendar),
                    listener,
                ]
            case "ws-server":
                door = stage.door()
                listed = ws_server.children(stores, addresses, health, system_calendar, door)
            case "api-server":
                pace, feed, front = Pace.at(1), stage.open_feed, stage.front()
                listed = api_server.children(
                    stores, addresses, health, system_calendar, pace, feed, front
                )
            case _:
                reviver = Child("server-reviver", lambda: ServerReviver(lambda: ()))
                listed = [reviver, *up.children(stage)]
        return [*health.children(), *listed]


SERVICES = ("flusher", "ws-server", "api-server", "up")


@pytest.fixture
def lists(servers: ServerAddresses, redis: redis_module.Redis, pg: Postgres) -> Iterator[Lists]:
    """Closed after the test, and then not one connection of it is open."""
    before = left_open(redis, pg)
    lists = Lists(servers)

    yield lists

    lists.stores.close()
    wait_for_at_most(before, redis, pg)


@pytest.fixture
def looked_at() -> Iterator[Callable[[], set[gevent.Greenlet]]]:
    """Return a function that finds the greenlets alive now that were not there before."""
    gc.collect()
    gc.freeze()  # what exists is none of our business, and looking through it takes long
    registered = len(pykka.ActorRegistry.get_all())

    def greenlets() -> set[gevent.Greenlet]:
        return {o for o in gc.get_objects() if isinstance(o, gevent.Greenlet) and not o.dead}

    yield greenlets

    gc.unfreeze()
    assert len(pykka.ActorRegistry.get_all()) == registered


def leaves(children: list[Child]) -> Iterator[Child]:
    """The children that do the work, however deep in supervisors."""
    for child in children:
        actor = child.start()
        if isinstance(actor, Supervisor):
            yield from leaves(list(actor.children))
        else:
            yield child


def left_open(redis: redis_module.Redis, pg: Postgres) -> Left:
    """What is open of ours."""
    clients = [c for c in redis.client_list() if c["name"].startswith(ROLE)]
    with pg.transaction() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s", (f"{ROLE}%",)
        )
        ((sessions,),) = cursor.fetchall()
    return len(os.listdir("/proc/self/fd")), len(clients), sessions


def wait_for_at_most(before: Left, redis: redis_module.Redis, pg: Postgres) -> None:
    """Return when no more is open than *before*; a server notices a hang-up a little later."""
    now = left_open(redis, pg)
    with gevent.Timeout(WAIT_S, False):
        while any(a > b for a, b in zip(now, before, strict=True)):
            gevent.idle()
            now = left_open(redis, pg)
    assert all(a <= b for a, b in zip(now, before, strict=True)), (now, before)


def start_and_stop(children: list[Child], addresses: Addresses, turns: int) -> None:
    """Start *children* under a root, let the event loop turn, and stop them in good order.

    With other *turns* they are met by the stop at other moments of their work.
    """
    tree = Tree.start(children, name="root", addresses=addresses, outages=OUTAGES)
    for _ in range(turns):
        gevent.idle()
    states = {child.name: child.state for child in tree.snapshot().walk()}
    report = tree.stop()
    assert set(states.values()) <= {State.RUNNING, State.BACKOFF}, states
    assert report.clean, report


@pytest.mark.parametrize("service", SERVICES)
def test_no_child_leaves_anything_behind_when_it_stops(
    lists: Lists,
    redis: redis_module.Redis,
    pg: Postgres,
    looked_at: Callable[[], set[gevent.Greenlet]],
    service: str,
) -> None:
    for child in leaves(lists.of(service)):
        start_and_stop([child], lists.addresses, MOST_TURNS)  # pools fill, caches warm up
        before, open_before = looked_at(), left_open(redis, pg)

        for number in range(TIMES):
            start_and_stop([child], lists.addresses, turns=number * MOST_TURNS // TIMES)

        gevent.joinall(left := looked_at() - before, timeout=WAIT_S)
        assert not {greenlet for greenlet in left if not greenlet.dead}, child.name
        wait_for_at_most(open_before, redis, pg)


@pytest.mark.parametrize("service", SERVICES)
def test_a_whole_service_leaves_nothing_behind_when_it_stops(
    lists: Lists,
    redis: redis_module.Redis,
    pg: Postgres,
    looked_at: Callable[[], set[gevent.Greenlet]],
    service: str,
) -> None:
    listed = lists.of(service)
    start_and_stop(listed, lists.addresses, MOST_TURNS)
    before = looked_at()

    for number in range(WHOLE_TIMES):
        start_and_stop(listed, lists.addresses, turns=number * MOST_TURNS // WHOLE_TIMES)

    gevent.joinall(left := looked_at() - before, timeout=WAIT_S)
    assert not {greenlet for greenlet in left if not greenlet.dead}


def test_every_child_that_a_service_names_is_among_those_started_and_stopped(
    lists: Lists,
) -> None:
    source = Path(up.__file__).parent.glob("*.py")
    named = {name for path in source for name in LITERAL_NAME.findall(path.read_text())}
    covered = {child.name for service in SERVICES for child in leaves(lists.of(service))}

    assert named
    assert covered >= BY_HAND
    assert named <= covered
