"""Settings of the three services, read from the environment once, strictly.

Which settings there are; `environment.py` reads them. A wrong value, a missing
one or a name that looks like a misspelt setting stops the boot with one line
that names it (`SettingError`); nothing starts on a guess.

Source: docs/operations.md, "Settings".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .defaults import DEFAULTS as DEFAULTS
from .defaults import OUTBOX_MAX as OUTBOX_MAX
from .domain.bots import BotTerms
from .domain.money import COIN_E4
from .domain.quota import Rates
from .environment import Environment, Network, postgres_address, redis_address, web_address
from .environment import SettingError as SettingError

#: What tokens may be signed by.
ALGORITHMS = ("EdDSA", "RS256", "ES256")
#: The highest limit that may be set, requests a second: none that anybody would meet.
LIMIT_MOST = 1_000_000
#: The most calls an hour that a plan of the feed may be said to have.
CALLS_MOST = 1_000_000
#: The highest seed of bots; any other would do.
SEED_MOST = 999_999_999


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two external servers are, and the tag put before every hot key."""

    redis_url: str
    database_url: str
    key_tag: str


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """Where the feed is, its token, and the calls an hour of the plan if it does not tell."""

    url: str
    token: str
    hourly: int


@dataclass(frozen=True, slots=True)
class GoogleSettings:
    """How people sign in with Google.

    Attributes:
        client_ids: whom its tokens may be for; the first one is the page's.
        client_secret: of that one; empty where the page has no button.
        origins: where the page is; Google sends its users back there.
        domains: Workspace domains that alone may sign in; anybody if there are none.
        issuers, keys_url, auth_url, token_url: where Google is.
    """

    client_ids: tuple[str, ...]
    client_secret: str
    origins: tuple[str, ...]
    domains: tuple[str, ...]
    issuers: tuple[str, ...]
    keys_url: str
    auth_url: str
    token_url: str


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What `touchline api-server` runs on."""

    servers: Servers
    host: str
    port: int
    private_key: str
    previous_key: str | None
    public_keys: str
    algorithm: str | None
    ws_url: str
    feed: FeedSettings
    inplay_delay_ms: int
    outbox_max: int
    auth_dev: bool
    flusher_embedded: bool
    flush_interval_s: float
    public_origins: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]
    rates: Rates
    google: GoogleSettings | None
    bots: BotTerms | None


@dataclass(frozen=True, slots=True)
class WsSettings:
    """What `touchline ws-server` runs on; public keys only, it can never sign."""

    servers: Servers
    host: str
    port: int
    public_keys: str
    origins: tuple[str, ...]
    capacity: int
    compression: bool
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[Network, ...]
    rates: Rates


@dataclass(frozen=True, slots=True)
class FlusherSettings:
    """What `touchline flusher` runs on; `health_port` is None where it has no port."""

    servers: Servers
    host: str
    flush_interval_s: float
    health_port: int | None


def api_settings(environ: Mapping[str, str]) -> ApiSettings:
    """Read the api-server's settings. Raises SettingError."""
    env = Environment(environ, DEFAULTS)
    return ApiSettings(
        servers=_servers(env),
        host=env.address("BIND_ADDRESS"),
        port=env.port("API_PORT"),
        private_key=env.secret("JWT_PRIVATE_KEY"),
        previous_key=env.secret("JWT_PREVIOUS_KEY") if env.given("JWT_PREVIOUS_KEY") else None,
        public_keys=env.jwks("JWT_PUBLIC_KEYS"),
        algorithm=env.one_of("JWT_ALG", ALGORITHMS) if env.given("JWT_ALG") else None,
        ws_url=env.url("WS_PUBLIC_URL", ("ws", "wss"), web_address),
        feed=_feed(env),
        inplay_delay_ms=env.whole("INPLAY_DELAY_MS", 0, 60_000),
        outbox_max=env.whole("OUTBOX_MAX", 1, 999_999_999),
        auth_dev=env.flag("AUTH_DEV"),
        flusher_embedded=env.flag("FLUSHER_EMBEDDED"),
        flush_interval_s=env.duration("FLUSH_INTERVAL"),
        public_origins=_origins(env, "API_PUBLIC_ORIGINS"),
        allowed_origins=_origins(env, "API_ALLOWED_ORIGINS"),
        allowed_hosts=_hosts(env),
        trusted_proxies=_proxies(env),
        rates=_rates(env),
        google=_google(env),
        bots=_bots(env) if env.flag("BOT_ENABLED") else None,
    )


def feed_settings(environ: Mapping[str, str], url: str | None) -> FeedSettings:
    """How the feed is asked, at the address *url* if given. Raises SettingError."""
    given = {**environ, "SPORTMONKS_URL": url} if url else environ
    return _feed(Environment(given, DEFAULTS))


def ws_settings(environ: Mapping[str, str]) -> WsSettings:
    """Read the ws-server's settings. Raises SettingError."""
    env = Environment(environ, DEFAULTS)
    for signing in ("JWT_PRIVATE_KEY", "JWT_PREVIOUS_KEY"):
        if environ.get(signing):
            raise SettingError(f"{signing}: ws-server verifies and never signs; unset it here")
    return WsSettings(
        servers=_servers(env),
        host=env.address("BIND_ADDRESS"),
        port=env.port("WS_PORT"),
        public_keys=env.jwks("JWT_PUBLIC_KEYS"),
        origins=env.origins("WS_ALLOWED_ORIGINS"),
        capacity=env.whole("WS_CAPACITY", 1, 20_000),
        compression=env.flag("WS_COMPRESSION"),
        allowed_hosts=_hosts(env),
        trusted_proxies=_proxies(env),
        rates=_rates(env),
    )


def flusher_settings(environ: Mapping[str, str]) -> FlusherSettings:
    """Read the flusher's settings. Raises SettingError."""
    env = Environment(environ, DEFAULTS)
    return FlusherSettings(
        servers=_servers(env),
        host=env.address("BIND_ADDRESS"),
        flush_interval_s=env.duration("FLUSH_INTERVAL"),
        health_port=env.port("HEALTH_PORT") if env.given("HEALTH_PORT") else None,
    )


def public_keys(environ: Mapping[str, str]) -> str:
    """The JWK set in force, which `touchline keys rotate` adds to. Raises SettingError."""
    return Environment(environ, DEFAULTS).jwks("JWT_PUBLIC_KEYS")


def rates(environ: Mapping[str, str]) -> Rates:
    """The limits for `touchline up`. Raises SettingError."""
    return _rates(Environment(environ, DEFAULTS))


def bots(environ: Mapping[str, str], seed: int) -> BotTerms:
    """By what bots trade under `touchline up`: all clubs, by *seed*. Raises SettingError."""
    return replace(_bots(Environment(environ, DEFAULTS)), seed=seed, everywhere=True)


def external_servers(environ: Mapping[str, str]) -> Servers | None:
    """The servers that `touchline up` was given instead of embedded ones, if any.

    Raises SettingError when only one of the two is set: half of the state
    would live in the data directory and half elsewhere.
    """
    env = Environment(environ, DEFAULTS)
    given = [name for name in ("REDIS_URL", "DATABASE_URL") if env.given(name)]
    if len(given) == 1:
        raise SettingError(f"{given[0]} is set and its sibling is not; set both or neither")
    return _servers(env) if given else None


def _feed(env: Environment) -> FeedSettings:
    return FeedSettings(
        url=env.url("SPORTMONKS_URL", ("http", "https"), web_address),
        token=env.token("SPORTMONKS_TOKEN"),
        hourly=env.whole("SPORTMONKS_CALLS_PER_HOUR", 1, CALLS_MOST),
    )


def _origins(env: Environment, name: str) -> tuple[str, ...]:
    return env.origins(name) if env.given(name) else ()


def _hosts(env: Environment) -> tuple[str, ...]:
    return env.hosts("ALLOWED_HOSTS") if env.given("ALLOWED_HOSTS") else ()


def _proxies(env: Environment) -> tuple[Network, ...]:
    return env.networks("TRUSTED_PROXIES") if env.given("TRUSTED_PROXIES") else ()


def _rates(env: Environment) -> Rates:
    return Rates(
        orders=env.whole("LIMIT_ORDERS_PER_S", 1, LIMIT_MOST),
        reads=env.whole("LIMIT_READS_PER_S", 1, LIMIT_MOST),
        sign_ins=env.whole("LIMIT_SIGN_INS_PER_S", 1, LIMIT_MOST),
        address=env.whole("LIMIT_ADDRESS_PER_S", 1, LIMIT_MOST),
        handshakes=env.whole("LIMIT_HANDSHAKES_PER_S", 1, LIMIT_MOST),
    )


def _bots(env: Environment) -> BotTerms:
    return BotTerms(
        seed=env.whole("BOT_SEED", 0, SEED_MOST),
        daily_loss_e4=env.whole("BOT_DAILY_LOSS", 1, 999_999_999) * COIN_E4,
    )


def _google(env: Environment) -> GoogleSettings | None:
    if not env.given("GOOGLE_CLIENT_IDS"):
        others = [n for n in ("GOOGLE_CLIENT_SECRET", "GOOGLE_HOSTED_DOMAINS") if env.given(n)]
        if others:  # half of it would let nobody in, or let anybody think that it did something
            raise SettingError(f"{others[0]} is set and GOOGLE_CLIENT_IDS is not")
        return None
    secret = env.token("GOOGLE_CLIENT_SECRET") if env.given("GOOGLE_CLIENT_SECRET") else ""
    return GoogleSettings(
        client_ids=env.names("GOOGLE_CLIENT_IDS"),
        client_secret=secret,
        # The page's button needs to know where it is, and nobody else does.
        origins=env.origins("API_PUBLIC_ORIGINS") if secret else (),
        domains=env.names("GOOGLE_HOSTED_DOMAINS") if env.given("GOOGLE_HOSTED_DOMAINS") else (),
        issuers=env.names("GOOGLE_ISSUERS"),
        keys_url=env.url("GOOGLE_KEYS_URL", ("http", "https"), web_address),
        auth_url=env.url("GOOGLE_AUTH_URL", ("http", "https"), web_address),
        token_url=env.url("GOOGLE_TOKEN_URL", ("http", "https"), web_address),
    )


def _servers(env: Environment) -> Servers:
    return Servers(
        redis_url=env.url("REDIS_URL", ("redis", "rediss", "unix"), redis_address),
        database_url=env.url("DATABASE_URL", ("postgres", "postgresql"), postgres_address),
        key_tag=env.tag("REDIS_KEY_TAG"),
    )
