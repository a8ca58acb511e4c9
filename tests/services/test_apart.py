"""The services over servers they share, as in production: they run, or say why they will not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gevent
import psycopg2
import pytest
import redis as redis_module
from psycopg2.extensions import make_dsn, parse_dsn
from structlog.testing import capture_logs
from touchline.config import Servers, SettingError
from touchline.http.keys import new_keypair
from touchline.services import boot
from touchline.services.stores import open_stores
from touchline.store.embedded import Addresses
from touchline.store.postgres import Postgres
from websockets.sync.client import ClientConnection, connect

from tests.processes import (
    PATIENCE_S,
    Process,
    a_match_that_begins_now,
    ask,
    asks_for_passwords,
    eventually,
    refusal,
)

REFUSAL_S = 20.0  #: a boot that waits for a server that refuses it waits for ever
RSA = '{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}'


def next_portfolio(socket: ClientConnection, op: str) -> Any:
    """The next frame of the portfolio channel that is an *op*; others are passed over."""
    while True:
        frame = json.loads(socket.recv(timeout=PATIENCE_S))
        if frame["op"] == op and frame["channel"] == "portfolio":
            return frame


def in_play(api: str) -> list[Any]:
    """Clubs whose match is being played."""
    return [club for club in ask(f"{api}/v1/instruments")["data"] if club["order_delay_ms"]]


def test_three_processes_trade_push_and_flush_and_stop_in_order(
    environment: dict[str, str], private_key: str, tmp_path: Path, free_ports: tuple[int, ...]
) -> None:
    api_port, ws_port, flusher_port, feed_port = map(str, free_ports)
    cup = a_match_that_begins_now(tmp_path / "cup.json")
    api_environment = environment | {
        "API_PORT": api_port,
        "JWT_PRIVATE_KEY": private_key,
        "WS_PUBLIC_URL": f"ws://127.0.0.1:{ws_port}/ws",
        "SPORTMONKS_URL": f"http://127.0.0.1:{feed_port}/v3/football",
        "SPORTMONKS_TOKEN": "any",
        "AUTH_DEV": "1",
        "INPLAY_DELAY_MS": "300",
    }
    ws_environment = environment | {
        "WS_PORT": ws_port,
        "WS_ALLOWED_ORIGINS": f"http://127.0.0.1:{api_port}",
        "WS_COMPRESSION": "1",
    }
    api, ws = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{ws_port}"
    flush = f"http://127.0.0.1:{flusher_port}"
    with ExitStack() as stack:
        feed = stack.enter_context(
            Process("match-server", "--matches", str(cup), "--port", feed_port, env={})
        )
        services = [
            stack.enter_context(Process(name, env=env))
            for name, env in (
                ("api-server", api_environment),
                ("ws-server", ws_environment),
                ("flusher", environment | {"HEALTH_PORT": flusher_port}),
            )
        ]
        for address in (api, ws, flush):
            # Until the feed has answered once, the api-server is degraded.
            eventually(lambda url=address: ask(f"{url}/readyz")["status"] == "ready", *services)
        clubs = eventually(lambda: in_play(api), *services)
        token = ask(f"{api}/v1/auth/dev-login", {"email": "a@example.com"})["access_token"]
        bearer = f"Bearer {token}"
        ticket = ask(f"{api}/v1/ws-token", {}, Authorization=bearer)
        with connect(f"{ticket['url']}?token={ticket['token']}") as socket:
            assert [each.name for each in socket.protocol.extensions] == ["permessage-deflate"]
            socket.send(json.dumps({"op": "subscribe", "id": 1, "channels": ["portfolio"]}))
            # An order filled before the snapshot is in it, and makes no update.
            next_portfolio(socket, "snapshot")
            order = {"instrument": clubs[0]["idx"], "side": "buy", "quantity": "1.000"}
            placed = ask(f"{api}/v1/orders", order, Authorization=bearer, Idempotency_Key="one")
            pushed = [next_portfolio(socket, "update") for _ in range(2)]
        found = ask(f"{api}/v1/orders/{placed['order_id']}", Authorization=bearer)
        codes = [service.stop() for service in reversed(services)]
        feed.stop()

    assert (placed["status"], placed["durable"]) == ("pending", "postgres")
    assert [push["event"] for push in pushed] == ["order_pending", "fill"]
    assert {push["data"]["order_id"] for push in pushed} == {placed["order_id"]}
    assert (found["status"], found["client_order_id"]) == ("filled", None)
    assert codes == [0, 0, 0], [service.lines[-20:] for service in services]
    assert not [line for s in services for line in s.lines if re.search("Traceback|crash", line)]


def test_a_ws_server_with_the_signing_key_in_its_environment_does_not_start(
    environment: dict[str, str],
    private_key: str,
) -> None:

    with Process("ws-server", env=environment | {"JWT_PRIVATE_KEY": private_key}) as refused:
        code = refused.process.wait(PATIENCE_S)

    assert code == 2


@pytest.mark.parametrize(
    ("service", "change", "line"),
    [
        ("api-server", {"JWT_PRIVATE_KEY": "garbage"}, "JWT_PRIVATE_KEY: "),
        ("api-server", {"JWT_PRIVATE_KEY": new_keypair()[0]}, "JWT_PRIVATE_KEY: "),
        ("ws-server", {"JWT_PUBLIC_KEYS": '{"keys":[{"kty":"RSA"}]}'}, "JWT_PUBLIC_KEYS: "),
    ],
    ids=["no-key", "a-strangers-key", "no-public-key"],
)
def test_wrong_keys_end_a_service_in_one_line_before_it_looks_for_a_server(
    service: str, change: dict[str, str], line: str
) -> None:
    env = {
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "DATABASE_URL": "postgresql://u:hush@127.0.0.1:9/d",
        "JWT_PUBLIC_KEYS": new_keypair()[1],
        "WS_PUBLIC_URL": "ws://h/ws",
        "WS_ALLOWED_ORIGINS": "https://a.example",
        "SPORTMONKS_TOKEN": "any",
    }

    assert refusal(service, **(env | change)).startswith(f"touchline: {line}")


def test_a_wrong_database_password_ends_a_service_in_one_line_without_it(
    environment: dict[str, str],
) -> None:
    asks_for_passwords(environment["DATABASE_URL"])
    known = parse_dsn(environment["DATABASE_URL"])
    url = f"postgresql://careful:hush@/{known['dbname']}?host={quote(known['host'], safe='')}"

    line = refusal("flusher", **(environment | {"DATABASE_URL": url}))

    assert "DATABASE_URL: password authentication failed" in line
    assert "hush" not in line


def test_a_key_of_before_that_is_none_is_refused_in_one_line() -> None:
    boot.check_previous_key(None)
    boot.check_previous_key(new_keypair()[0])

    with pytest.raises(SettingError, match=r"^JWT_PREVIOUS_KEY: the signing key is not a PEM"):
        boot.check_previous_key("garbage")


def test_keys_that_belong_together_pass() -> None:
    private_key, public_keys = new_keypair()

    boot.check_keys(public_keys, private_key)
    boot.check_keys(public_keys)


@pytest.mark.parametrize(
    ("public_keys", "private_key", "line"),
    [
        (None, "garbage", "JWT_PRIVATE_KEY: the signing key is not a PEM"),
        (None, "-----BEGIN PRIVATE KEY-----", "JWT_PRIVATE_KEY: the signing key is not a PEM"),
        (None, new_keypair()[0], "JWT_PRIVATE_KEY: its public key is not among JWT_PUBLIC_KEYS"),
        ('{"keys":[1]}', None, "JWT_PUBLIC_KEYS: public keys: key 0"),
        (RSA, None, "JWT_PUBLIC_KEYS: public keys: key 0"),
        (
            '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"eA"}]}',
            None,
            "JWT_PUBLIC_KEYS: public keys: key 0: x is not",
        ),
    ],
    ids=["garbage", "half-a-key", "a-strangers", "no-key", "rsa", "short"],
)
def test_keys_that_cannot_work_are_refused_in_one_line(
    public_keys: str | None, private_key: str | None, line: str
) -> None:
    with pytest.raises(SettingError, match=f"^{re.escape(line)}") as refused:
        boot.check_keys(public_keys or new_keypair()[1], private_key)

    assert "\n" not in str(refused.value)


def prepare(redis_url: str, database_url: str) -> None:
    """Do what every service does first; a wait that a refusal should have ended fails."""
    stores = open_stores(Servers(redis_url, database_url, ""), "tests", connections=2)
    try:
        with gevent.Timeout(REFUSAL_S, AssertionError("waits for a server that refuses it")):
            boot.prepare(stores)
    finally:
        stores.close()


@pytest.fixture(scope="module")
def roles(servers: Addresses) -> Iterator[None]:
    """Roles and databases that may do less than ours: low, idle, shut, bare."""
    with _no_transaction(servers.database_url) as execute:
        for made in ("ROLE low LOGIN", "ROLE idle", "DATABASE shut", "DATABASE bare"):
            execute(f"CREATE {made}")
        execute("REVOKE CONNECT ON DATABASE shut FROM public")
        yield
        for made in ("DATABASE shut", "DATABASE bare", "ROLE idle", "ROLE low"):
            execute(f"DROP {made}")


@contextmanager
def _no_transaction(database_url: str) -> Iterator[Callable[[str], None]]:
    connection = psycopg2.connect(database_url)
    try:
        connection.autocommit = True
        yield connection.cursor().execute
    finally:
        connection.close()


@contextmanager
def user(redis: redis_module.Redis, name: str, *rights: str) -> Iterator[str]:
    """The part of a URL that signs in as a user of Redis with *rights*."""
    redis.execute_command("ACL", "SETUSER", name, "on", ">hush", "~*", "&*", "+@all", *rights)
    try:
        yield f"unix://{name}:hush@"
    finally:
        redis.execute_command("ACL", "DELUSER", name)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"dbname": "nope"}, 'DATABASE_URL: database "nope" does not exist'),
        ({"user": "nobody", "password": "hush"}, 'DATABASE_URL: role "nobody" does not exist'),
        ({"user": "idle"}, 'DATABASE_URL: role "idle" is not permitted to log in'),
        ({"dbname": "shut", "user": "low"}, 'DATABASE_URL: permission denied for database "shut"'),
        ({"dbname": "bare", "user": "low"}, "DATABASE_URL: permission denied for schema public"),
        ({"sslmode": "some"}, 'DATABASE_URL: invalid sslmode value: "some"'),
    ],
)
def test_a_database_that_refuses_us_ends_the_boot_in_one_line(
    servers: Addresses, roles: None, change: dict[str, str], line: str
) -> None:
    with pytest.raises(SettingError, match=f"^{re.escape(line)}$"):
        prepare(servers.redis_url, make_dsn(servers.database_url, **change))


@pytest.mark.parametrize(
    "said",
    [
        'FATAL:  password authentication failed for user "u"\n',
        'connection to server at "h" (::1), port 5432 failed: Connection refused\n'
        "\tIs the server running on that host and accepting TCP/IP connections?\n"
        'connection to server at "h" (127.0.0.1), port 5432 failed: FATAL:  password'
        ' authentication failed for user "u"\n',
        'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "u", database "d", no encryption',
        "fe_sendauth: no password supplied\n",
    ],
)
def test_what_postgres_says_of_a_wrong_password_is_no_outage(said: str) -> None:
    refused = boot.REFUSED_AT_CONNECT.search(said)

    assert refused is not None
    assert "\n" not in refused[1]
    assert "refused" not in refused[1]


@pytest.mark.parametrize(
    "said",
    [
        "FATAL:  the database system is starting up\n",
        "FATAL:  terminating connection due to administrator command\n",
        "FATAL:  sorry, too many clients already\n",
        'could not translate host name "h" to address: Name or service not known\n',
        'connection to server on socket "/s" failed: No such file or directory\n',
        "no connection to Postgres within 3 s",
    ],
)
def test_what_postgres_says_when_it_is_away_is_waited_out(said: str) -> None:
    assert boot.REFUSED_AT_CONNECT.search(said) is None


def test_a_redis_that_refuses_us_ends_the_boot_in_one_line(
    servers: Addresses, redis: redis_module.Redis, pg: Postgres
) -> None:
    stranger = servers.redis_url.replace("unix://", "unix://stranger:hush@")
    far = servers.redis_url.replace("db=0", "db=99")

    with pytest.raises(SettingError, match=r"^REDIS_URL: invalid username-password pair[^\n]*$"):
        prepare(stranger, servers.database_url)
    with pytest.raises(SettingError, match=r"^REDIS_URL: DB index is out of range$"):
        prepare(far, servers.database_url)
    with (
        user(redis, "blind", "-info") as signed_in,
        pytest.raises(SettingError, match=r"^REDIS_URL: [^\n]*no permissions to run[^\n]*$"),
    ):
        prepare(servers.redis_url.replace("unix://", signed_in), servers.database_url)


def test_a_redis_that_evicts_ends_the_boot_in_one_line(
    servers: Addresses, redis: redis_module.Redis, pg: Postgres
) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")

    try:
        with pytest.raises(SettingError, match=r"^REDIS_URL: maxmemory-policy is allkeys-lru"):
            prepare(servers.redis_url, servers.database_url)
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
    prepare(servers.redis_url, servers.database_url)


def test_a_redis_that_keeps_config_to_itself_is_used_with_a_warning(
    servers: Addresses, redis: redis_module.Redis, pg: Postgres
) -> None:
    with user(redis, "guest", "-config") as signed_in, capture_logs() as logged:
        prepare(servers.redis_url.replace("unix://", signed_in), servers.database_url)

    assert [line["event"] for line in logged if line["log_level"] == "warning"] == [
        "cannot check maxmemory-policy, it must be noeviction"
    ]
