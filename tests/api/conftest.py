"""An API over empty servers with two listed clubs, and people who use it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg2
import pytest
from redis import Redis
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import new_instrument
from touchline.http.api import create_app
from touchline.http.deps import ApiDeps
from touchline.http.keys import new_keypair
from touchline.http.operators import Operators
from touchline.http.prover import Prover
from touchline.http.refresh_tokens import RefreshTokens
from touchline.http.tokens import Signer, Verifier
from touchline.store.audit import Audit
from touchline.store.boards import Boards
from touchline.store.candles import Candles
from touchline.store.drain import open_drain
from touchline.store.draws import Draws
from touchline.store.fixtures import Fixtures
from touchline.store.fleet import Fleet
from touchline.store.hot import Hot
from touchline.store.inquiry import Inquiries
from touchline.store.journal import Journal
from touchline.store.keys import Keys
from touchline.store.ledger import Ledger
from touchline.store.orders import Orders
from touchline.store.outlook import Outlooks
from touchline.store.parked_rows import ParkedRows
from touchline.store.people import People
from touchline.store.positions import Positions
from touchline.store.postgres import Postgres
from touchline.store.reconcile_runs import ReconcileRuns
from touchline.store.revocations import Revocations
from touchline.store.scanner import Scanner
from touchline.store.scripts import Scripts
from touchline.store.seals import Sealer
from touchline.store.sequence import FactSequence
from touchline.store.sessions import Sessions
from touchline.store.spinner_rounds import SpinnerRounds
from touchline.store.spins import Spins
from touchline.store.tape import Tape
from touchline.store.users import Users
from touchline.store.withdrawals import Withdrawals
from werkzeug.test import TestResponse

from tests.api.watched import watched
from tests.fakes.clock import FakeClock
from tests.fakes.executor import DirectExecutor
from tests.fakes.failing import Away
from tests.fakes.health import FixedHealth, child
from tests.fakes.operators import market_operators
from tests.fakes.scanning import WatchedScanner
from tests.fakes.spinning import SECRET
from tests.fakes.unlimited import unbounded

CLUBS = ((InstrumentIdx(17), "ARS", "Arsenal"), (InstrumentIdx(18), "LIV", "Liverpool"))
PRIVATE_KEY, PUBLIC_KEYS = new_keypair()


@dataclass
class Api:
    """The API as its clients reach it, and the stores behind it."""

    deps: ApiDeps
    executor: DirectExecutor
    scanner: WatchedScanner
    positions: Away
    health: FixedHealth
    clock: FakeClock
    redis: Redis
    pg: Postgres

    def __post_init__(self) -> None:
        self.app = create_app(self.deps)
        self.client = watched(self.app)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers=headers)

    def with_(self, **changes: Any) -> Api:
        """The same stores behind an app with other settings."""
        return replace(self, deps=replace(self.deps, **changes))

    def sign_in(self, email: str = "ada@example.com") -> Trader:
        answer = self.client.post("/v1/auth/dev-login", json={"email": email}).get_json()
        return Trader(self, UserId(answer["user"]["id"]), answer["access_token"])

    def stored(self) -> dict[str, object]:
        """All that Redis and Postgres hold, to see whether something changed."""
        keys = sorted(self.redis.keys("*"))
        hot = {key: self.redis.dump(key) for key in keys if not key.startswith("idem:")}
        with self.pg.transaction() as cursor:
            cursor.execute("SELECT count(*) FROM trades")
            trades = cursor.fetchone()
            cursor.execute("SELECT id, email FROM users ORDER BY id")
            users = cursor.fetchall()
        return {"redis": hot, "trades": trades, "users": users}


@dataclass
class Trader:
    """Somebody who has signed in."""

    api: Api
    id: UserId
    token: str
    _keys: int = field(default=0)

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.api.client.get(path, headers=self.auth | headers)

    def post(self, path: str, **kwargs: Any) -> TestResponse:
        headers = self.auth | kwargs.pop("headers", {})
        return self.api.client.post(path, headers=headers, **kwargs)

    def ask(self, method: str, path: str) -> TestResponse:
        return self.api.client.open(path, method=method, headers=self.auth)

    def act(self, path: str, body: object = None, key: str | None = None) -> TestResponse:
        """Do something that admins do."""
        self._keys += 1
        headers = {"Idempotency-Key": key or f"key-{self._keys}"}
        return self.post(path, json={} if body is None else body, headers=headers)

    def audit(self, **query: str) -> list[dict[str, Any]]:
        """What is written down of admins, newest first."""
        answer = self.api.client.get("/v1/admin/audit", query_string=query, headers=self.auth)
        lines: list[dict[str, Any]] = answer.get_json()["data"]
        return lines

    def order(self, key: str | None = None, **body: object) -> TestResponse:
        """Place an order: a purchase of one Arsenal share unless told otherwise."""
        self._keys += 1
        wanted: dict[str, object] = {"instrument": 17, "side": "buy"} | body
        if "notional" not in wanted:
            wanted.setdefault("quantity", "1.000")
        headers = {"Idempotency-Key": key or f"key-{self._keys}"}
        return self.post("/v1/orders", json=wanted, headers=headers)

    def open(self, key: str | None = None, **body: object) -> TestResponse:
        """Open a position: ten Arsenal shares long with leverage 5 unless told otherwise."""
        self._keys += 1
        wanted: dict[str, object] = {
            "instrument": 17,
            "side": "long",
            "quantity": "10",
            "leverage": 5,
        }
        headers = {"Idempotency-Key": key or f"key-{self._keys}"}
        return self.post("/v1/positions", json=wanted | body, headers=headers)

    def close(self, position_id: str, key: str | None = None, **body: object) -> TestResponse:
        """Close a position, all of it unless told otherwise."""
        return self._act(position_id, "close", key, body)

    def margin(self, position_id: str, amount: str, key: str | None = None) -> TestResponse:
        """Add margin to a position, or take some back."""
        return self._act(position_id, "margin", key, {"amount": amount})

    def stops(self, position_id: str, version: object, **body: object) -> TestResponse:
        """Change the stops of a position whose version is *version*."""
        headers = self.auth | {"If-Match": f'W/"{version}"'}
        return self.api.client.patch(f"/v1/positions/{position_id}", json=body, headers=headers)

    def _act(self, position_id: str, what: str, key: str | None, body: object) -> TestResponse:
        self._keys += 1
        headers = {"Idempotency-Key": key or f"key-{self._keys}"}
        return self.post(f"/v1/positions/{position_id}/{what}", json=body, headers=headers)

    def batch(self, *orders: object) -> TestResponse:
        """Place *orders* in one request."""
        return self.post("/v1/orders/batch", json={"orders": orders})


def line(key: str, **changes: object) -> dict[str, object]:
    """An order of a batch: a purchase of one Arsenal share unless told otherwise."""
    wanted: dict[str, object] = {"idempotency_key": key, "instrument": 17, "side": "buy"} | changes
    if "notional" not in wanted:
        wanted.setdefault("quantity", "1.000")
    return wanted


def path_of(rule: str) -> str:
    """A path that *rule* of the map of all routes takes: 1 for each variable part."""
    return re.sub(r"<[^>]+>", "1", rule)


@pytest.fixture
def api(redis: Redis, pg: Postgres) -> Api:
    clock, keys = FakeClock(), Keys()
    hot, scripts, ledger = Hot(redis, keys), Scripts(redis, keys), Ledger(pg)
    for club in CLUBS:
        _list(hot, pg, *club)
    executor = DirectExecutor(scripts, ledger)
    positions: Any = Away(Positions(pg, redis, keys), psycopg2.OperationalError("away"))
    scanner = WatchedScanner(Scanner(redis, keys, scripts, clock.calendar))
    health = FixedHealth(child("trade-executor"), child("flusher"))
    signer = Signer(PRIVATE_KEY)
    deps = ApiDeps(
        hot=hot,
        scripts=scripts,
        ledger=ledger,
        users=Users(pg),
        sessions=Sessions(pg),
        revocations=Revocations(redis, keys),
        candles=Candles(pg),
        fixtures=Fixtures(pg),
        journal=Journal(pg, FactSequence(redis, keys)),
        tape=Tape(pg),
        boards=Boards(redis, keys, pg),
        draws=Draws(pg),
        outlooks=Outlooks(pg),
        orders=Orders(redis, keys, pg),
        positions=positions,
        scanner=scanner,
        executor=executor,
        signer=signer,
        refresh_tokens=RefreshTokens(signer.secret_for("refresh")),
        verifier=Verifier(PUBLIC_KEYS),
        calendar=clock.calendar,
        health=health,
        fleet=Fleet(redis, keys, health.identity, ()),
        operators=_operators(redis, keys, scripts, pg, scanner.real),
        ws_url=lambda: "ws://127.0.0.1:8081/ws",
        auth_dev=True,
        quotas=unbounded(),
    )
    return Api(deps, executor, scanner, positions, health, clock, redis, pg)


def _operators(
    redis: Redis, keys: Keys, scripts: Scripts, pg: Postgres, scanner: Scanner
) -> Operators:
    runs, drain = ReconcileRuns(redis, keys, pg), open_drain(redis, keys, scripts, pg)
    return Operators(
        audit=Audit(pg),
        market=market_operators(redis, pg, keys, Hot(redis, keys)),
        people=People(pg),
        drain=drain,
        inquiries=Inquiries(redis, keys, scanner),
        parked=ParkedRows(pg),
        runs=runs,
        prover=Prover(runs),
        spins=Spins(SpinnerRounds(pg), Sealer(SECRET), scripts, drain),
        withdrawals=Withdrawals(redis, keys, scripts),
    )


@pytest.fixture
def ada(api: Api) -> Trader:
    return api.sign_in()


def make_admin(api: Api, email: str) -> None:
    """Make a user an admin, behind the back of everybody."""
    with api.pg.transaction() as cursor:
        cursor.execute("UPDATE users SET role = 'admin' WHERE email = %s", (email,))
        assert cursor.rowcount == 1


@pytest.fixture
def operator(api: Api) -> Trader:
    """An admin."""
    api.sign_in("op@example.com")
    make_admin(api, "op@example.com")
    return api.sign_in("op@example.com")


def _list(hot: Hot, pg: Postgres, idx: InstrumentIdx, symbol: str, name: str) -> None:
    instrument = new_instrument(idx, symbol, name)
    hot.create_instrument(instrument)
    with pg.transaction() as cursor:
        cursor.execute(
            "INSERT INTO teams (id, name, short_code) VALUES (%s, %s, %s)", (idx, name, symbol)
        )
        cursor.execute(
            "INSERT INTO instruments (idx, symbol, name, team_id, base_px, index_px, depth, qcap,"
            " user_cap, half_spread_ppm, fee_ppm, order_max, max_leverage, mark_clamp_ppm)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                idx,
                symbol,
                name,
                idx,
                instrument.base_px,
                instrument.index_px,
                instrument.depth,
                instrument.qcap,
                instrument.user_cap,
                instrument.half_spread_ppm,
                instrument.fee_ppm,
                instrument.order_max,
                instrument.max_leverage,
                instrument.mark_clamp_ppm,
            ),
        )
