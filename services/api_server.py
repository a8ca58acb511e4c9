"""The api-server: HTTP API and page, the feed, and the path of a trade."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..actors.address import Addresses
from ..actors.child import Child
from ..actors.feeds.pace import Pace
from ..actors.feeds.sportmonks_scheduler import SportmonksScheduler
from ..actors.listener import DRAIN_S, HttpListener
from ..actors.mailbox import Policy
from ..actors.margin.reconnect_listener import WAITING_MAX
from ..actors.meters import FeedMeter
from ..actors.revocation_teller import RevocationTeller
from ..config import ApiSettings
from ..domain.bots import BotTerms
from ..domain.clock import Calendar, system_calendar
from ..domain.quota import Rates
from ..http.api import create_app
from ..http.deps import ApiDeps
from ..http.hosts import ANY, Hosts, hosts_of
from ..http.outside import Network, Outside
from ..http.quotas import Quotas
from ..http.refresh_tokens import RefreshTokens
from ..http.serve import ServerFactory
from ..http.tokens import Signer, Verifier
from ..store.boards import Boards
from ..store.draws import Draws
from ..store.feed import FeedProvider
from ..store.journal import Journal
from ..store.outlook import Outlooks
from ..store.revocations import RecordedEnds
from ..store.scanner import Scanner
from ..store.spins import Spins
from ..store.sportmonks import Sportmonks
from ..store.tape import Tape
from . import flusher
from .boot import prepare, rehydrator
from .bots import Floor, bots
from .duty_metrics import Feed, show_market
from .google import Google
from .groups import group
from .health import ServiceHealth
from .leaderboard import leaderboards
from .logs import name_process
from .margin import margin
from .operators import operators
from .quota_metrics import show_quotas
from .scheduling import scheduler
from .spinner import spins, weekly_spinner
from .stores import Stores, open_stores
from .supervise import stay, supervise
from .trading import Trading, trading
from .waiting_room import waiting_room

SERVICE = "api-server"
LISTENER = "api-listener"
POSTGRES_CONNECTIONS = 8
WAITING = 4096  #: orders under way; beyond that a new one is dropped, and its client told to retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What the HTTP side is given: address, keys, where the WebSockets are, the rules of trading.

    *previous_key*: what signed before *private_key*; seeds of draws may be sealed by it still.
    *public_origins*: where browsers reach it, if that is known.
    *allowed_origins*: whose pages may use it besides.
    *proxies*: who is believed when it says who asks.
    *rates*: how often anybody may ask for what.
    *google*: None where nobody signs in with Google.
    *outbox_max*: facts that may wait for Postgres before new trades pause.
    *hosts*: by which names it is asked for.
    *bots*: None where there are none.
    """

    host: str
    port: int
    private_key: str
    public_keys: str
    ws_url: Callable[[], str]
    inplay_delay_ms: int
    outbox_max: int
    auth_dev: bool
    previous_key: str | None = None
    public_origins: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    proxies: tuple[Network, ...] = ()
    rates: Rates = field(default_factory=Rates)
    google: Google | None = None
    hosts: Hosts = ANY
    bots: BotTerms | None = None

    def spins(self, stores: Stores) -> Spins:
        """The steps of draws over *stores*."""
        return spins(stores, self.private_key, self.previous_key)


def children(
    stores: Stores,
    addresses: Addresses,
    health: ServiceHealth,
    calendar: Calendar,
    pace: Pace,
    open_feed: Callable[[], FeedProvider],
    front: Front,
) -> list[Child]:
    """The duties of an api-server, in the order they start."""
    scanner, feed = _scanner(stores, calendar), FeedMeter()
    lease = health.lease("scheduler")
    path = trading(stores, addresses, health, calendar, scanner, front.outbox_max)
    open_http = _http(stores, addresses, health, calendar, front, path)
    show_market(health.metrics, path.trades, Feed(feed, lease, calendar))
    stops = margin(stores, addresses, health, calendar, scanner)

    def follow() -> SportmonksScheduler:
        return scheduler(stores, open_feed(), lease, calendar, pace, feed)

    floor = Floor(scanner, path.trades, front.rates, front.inplay_delay_ms, path.pressure.paused)
    executor = Child("trade-executor", path.executor, bound=WAITING, policy=Policy.DROP_NEW)
    return [
        group("market", Child("sportmonks-scheduler", follow)),
        group(
            "trading",
            Child("pressure-gauge", path.gauge),
            Child("trade-writer", path.writer, bound=WAITING),
            executor,
            Child("order-releaser", path.releaser),
        ),
        group(
            "margin",
            Child("stop-watcher", stops.watcher),
            Child("margin-reconnect-listener", stops.listener, bound=WAITING_MAX),
            Child("margin-backstop-sweeper", stops.sweeper),
        ),
        *leaderboards(stores, health, calendar),
        weekly_spinner(stores, health, calendar, front.spins(stores)),
        *bots(stores, addresses, health, calendar, pace, front.bots, floor),
        Child("revocation-teller", lambda: _revocation_teller(stores), parkable=True),
        *([front.google.child()] if front.google else []),
        Child(LISTENER, lambda: HttpListener(open_http), stop_s=DRAIN_S),
    ]


def run(settings: ApiSettings) -> int:
    """Run an api-server until told to stop; return the exit code of the process."""
    stores = open_stores(settings.servers, SERVICE, connections=POSTGRES_CONNECTIONS)
    covers = (SERVICE, flusher.SERVICE) if settings.flusher_embedded else (SERVICE,)
    addresses, health = Addresses(), ServiceHealth(SERVICE, stores, covers)
    name_process(SERVICE, stores.replica)
    with waiting_room("API_PORT", settings.host, settings.port, health):
        prepare(stores, health.note)
    listed = children(
        stores,
        addresses,
        health,
        system_calendar,
        Pace.at(1, settings.feed.hourly),
        lambda: Sportmonks(settings.feed.url, settings.feed.token),
        _front(settings),
    )
    if settings.flusher_embedded:
        interval_s = settings.flush_interval_s
        listed = [*flusher.children(stores, health, interval_s, system_calendar), *listed]
    listed = [rehydrator(stores), *listed]
    code = supervise(listed, addresses=addresses, health=health, ready=stay)
    stores.close()
    return code


def _front(settings: ApiSettings) -> Front:
    return Front(
        host=settings.host,
        port=settings.port,
        private_key=settings.private_key,
        public_keys=settings.public_keys,
        ws_url=lambda: settings.ws_url,
        inplay_delay_ms=settings.inplay_delay_ms,
        outbox_max=settings.outbox_max,
        previous_key=settings.previous_key,
        auth_dev=settings.auth_dev,
        public_origins=settings.public_origins,
        allowed_origins=settings.allowed_origins,
        proxies=settings.trusted_proxies,
        rates=settings.rates,
        google=Google(settings.google) if settings.google else None,
        hosts=hosts_of(settings.public_origins, settings.allowed_hosts),
        bots=settings.bots,
    )


def _revocation_teller(stores: Stores) -> RevocationTeller:
    return RevocationTeller(RecordedEnds(stores.pg), stores.revocations)


def _scanner(stores: Stores, calendar: Calendar) -> Scanner:
    return Scanner(stores.redis, stores.keys, stores.scripts, calendar)


def _http(
    stores: Stores,
    addresses: Addresses,
    health: ServiceHealth,
    calendar: Calendar,
    front: Front,
    path: Trading,
) -> ServerFactory:
    signer, quotas = Signer(front.private_key), Quotas(front.rates)
    show_quotas(health.metrics, quotas)
    deps = ApiDeps(
        hot=stores.hot,
        scripts=stores.scripts,
        ledger=stores.ledger,
        users=stores.users,
        sessions=stores.sessions,
        revocations=stores.revocations,
        candles=stores.candles,
        fixtures=stores.fixtures,
        journal=Journal(stores.pg, stores.facts),
        tape=Tape(stores.pg),
        boards=Boards(stores.redis, stores.keys, stores.pg),
        draws=Draws(stores.pg),
        outlooks=Outlooks(stores.pg),
        orders=stores.orders,
        positions=stores.positions,
        scanner=path.scanner,
        executor=addresses.of("trade-executor"),
        signer=signer,
        refresh_tokens=RefreshTokens(signer.secret_for("refresh")),
        verifier=Verifier(front.public_keys),
        calendar=calendar,
        health=health,
        fleet=health.fleet,
        operators=operators(stores, path.scanner, front.spins(stores)),
        ws_url=front.ws_url,
        inplay_delay_ms=front.inplay_delay_ms,
        paused=path.pressure.paused,
        auth_dev=front.auth_dev,
        origins=front.public_origins,
        allowed_origins=front.allowed_origins,
        trades=path.trades,
        quotas=quotas,
    )
    app = create_app(deps, front.google.sign_in(stores, addresses) if front.google else None)
    meter = health.http_meter(LISTENER)
    outside = Outside(front.proxies, deps.secure, front.hosts)
    return ServerFactory(front.host, front.port, app, meter=meter, outside=outside)
