"""What the HTTP API is given by its service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..actors.address import Address
from ..actors.meters import TradeMeter
from ..actors.trading.messages import Execute
from ..domain.clock import Calendar
from ..domain.quota import Rates
from ..store.boards import Boards
from ..store.candles import Candles
from ..store.draws import Draws
from ..store.fixtures import Fixtures
from ..store.fleet import Fleet
from ..store.hot import Hot
from ..store.journal import Journal
from ..store.ledger import Ledger
from ..store.orders import Orders
from ..store.outlook import Outlooks
from ..store.positions import Positions
from ..store.revocations import Revocations
from ..store.scripts import Scripts
from ..store.sessions import Sessions
from ..store.tape import Tape
from ..store.users import Users
from .health_report import HealthSource
from .operators import Operators
from .position_desk import Checker
from .quotas import Quotas
from .refresh_tokens import RefreshTokens
from .tokens import Signer, Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDeps:
    """Everything the routes use.

    Attributes:
        positions: those that are closed, and the events of all.
        scanner: checks a position before it is changed.
        executor: the `trade-executor`.
        fleet: the way to other replicas.
        operators: what only admin routes use.
        ws_url: where clients find the ws-server, such as `wss://host/ws`; asked
            on every use, because a port may be known only after the start.
        inplay_delay_ms: how long orders wait in play, calendar ms.
        paused: whether new trades pause, because Redis is too full for them.
        auth_dev: whether anybody may sign in by an address alone. Never in production.
        web: whether the page is served at `/`.
        origins: where browsers reach us, as far as that is known.
        allowed_origins: whose pages may use the API besides.
        trades: where orders and their answers are counted.
        quotas: how much of what everybody may ask for.
    """

    hot: Hot
    scripts: Scripts
    ledger: Ledger
    users: Users
    sessions: Sessions
    revocations: Revocations
    candles: Candles
    fixtures: Fixtures
    journal: Journal
    tape: Tape
    boards: Boards
    draws: Draws
    outlooks: Outlooks
    orders: Orders
    positions: Positions
    scanner: Checker
    executor: Address[Execute]
    signer: Signer
    refresh_tokens: RefreshTokens
    verifier: Verifier
    calendar: Calendar
    health: HealthSource
    fleet: Fleet
    operators: Operators
    ws_url: Callable[[], str]
    inplay_delay_ms: int = 0
    paused: Callable[[], bool] = lambda: False
    auth_dev: bool = False
    origins: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    web: bool = True
    trades: TradeMeter = field(default_factory=TradeMeter)
    quotas: Quotas = field(default_factory=lambda: Quotas(Rates()))

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by https alone, so that cookies may travel by nothing else."""
        return bool(self.origins) and all(each.startswith("https://") for each in self.origins)
