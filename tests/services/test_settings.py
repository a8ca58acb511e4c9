"""Settings: strict, and every complaint is one line that names the setting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from touchline import config
from touchline.config import SettingError
from touchline.domain.bots import BotTerms
from touchline.http.keys import read_private_key

SERVERS = {"REDIS_URL": "redis://h:6379/0", "DATABASE_URL": "postgresql://u:secret@h/db"}
JWKS = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"eA","kid":"k"}]}'
API = {
    **SERVERS,
    "JWT_PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----",
    "JWT_PUBLIC_KEYS": JWKS,
    "WS_PUBLIC_URL": "wss://live.example.com/ws",
    "SPORTMONKS_TOKEN": "t0ken",
}
WS = {**SERVERS, "JWT_PUBLIC_KEYS": JWKS, "WS_ALLOWED_ORIGINS": "https://a.example, http://b:8080"}


def test_the_defaults_are_the_documented_ones() -> None:
    api = config.api_settings(API)
    ws = config.ws_settings(WS)
    flusher = config.flusher_settings(SERVERS)

    assert (api.port, api.auth_dev, api.flusher_embedded) == (8080, False, False)
    assert (api.inplay_delay_ms, api.outbox_max) == (5_000, 2_000_000)
    assert api.flush_interval_s == flusher.flush_interval_s == 0.1
    assert (ws.port, ws.capacity, ws.origins) == (
        8081,
        20_000,
        ("https://a.example", "http://b:8080"),
    )
    assert not ws.compression
    assert flusher.health_port is None


def test_compression_is_there_for_who_wants_it() -> None:
    assert config.ws_settings({**WS, "WS_COMPRESSION": "1"}).compression


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"API_PORT": "http"}, "API_PORT: expected 0 to 65535, not 'http'"),
        ({"API_PORT": "70000"}, "API_PORT: expected 0 to 65535, not '70000'"),
        ({"API_PORT": "８０"}, "API_PORT: expected 0 to 65535, not '８０'"),
        ({"BIND_ADDRESS": "300.1.1.1"}, "BIND_ADDRESS: expected an IP address to listen on"),
        ({"REDIS_KEY_TAG": "a b"}, "REDIS_KEY_TAG: expected a hash tag such as {m}, or nothing"),
        ({"AUTH_DEV": "yes"}, "AUTH_DEV: expected 0 or 1, not 'yes'"),
        ({"FLUSH_INTERVAL": "100"}, "FLUSH_INTERVAL: expected a duration"),
        ({"INPLAY_DELAY_MS": "5s"}, "INPLAY_DELAY_MS: expected 0 to 60000, not '5s'"),
        ({"INPLAY_DELAY_MS": "60001"}, "INPLAY_DELAY_MS: expected 0 to 60000"),
        ({"SPORTMONKS_CALLS_PER_HOUR": "0"}, "SPORTMONKS_CALLS_PER_HOUR: expected 1 to 1000000"),
        ({"OUTBOX_MAX": "0"}, "OUTBOX_MAX: expected 1 to 999999999, not '0'"),
        ({"OUTBOX_LIMIT": "9"}, "OUTBOX_LIMIT is not a setting"),
        ({"FLUSH_INTERVAL": "0ms"}, "FLUSH_INTERVAL: expected a duration"),
        (
            {"FLUSH_INTERVALL": "1s"},
            "FLUSH_INTERVALL is not a setting; did you mean FLUSH_INTERVAL?",
        ),
        ({"TOUCHLINE_SPEED": "3"}, "TOUCHLINE_SPEED is not a setting"),
        ({"REDIS_URL": ""}, "REDIS_URL is not set"),
        ({"REDIS_URL": "http://h"}, "REDIS_URL: expected a URL: redis, rediss, unix"),
        ({"DATABASE_URL": "mysql://u:secret@h"}, "DATABASE_URL: expected a URL"),
        ({"REDIS_URL": "redis://:secret@h:abc/0"}, "REDIS_URL: expected a URL"),
        ({"REDIS_URL": "redis://h:0/0"}, "REDIS_URL: expected a URL"),
        ({"REDIS_URL": "redis:///0"}, "REDIS_URL: expected a URL"),
        ({"REDIS_URL": "redis://h/two"}, "REDIS_URL: expected a URL"),
        ({"REDIS_URL": "redis://h/0?secret=1"}, "REDIS_URL: expected a URL"),
        ({"REDIS_URL": "unix://tmp/valkey.sock"}, "REDIS_URL: expected a URL"),
        ({"REDIS_URL": "unix://?db=0"}, "REDIS_URL: expected a URL"),
        ({"DATABASE_URL": "postgresql://u:secret@h:abc/db"}, "DATABASE_URL: expected a URL"),
        ({"DATABASE_URL": "postgresql://u:secret@h:70000/db"}, "DATABASE_URL: expected a URL"),
        ({"DATABASE_URL": "postgresql:///db"}, "DATABASE_URL: expected a URL"),
        ({"DATABASE_URL": "postgresql://u:secret@h/db?nope=1"}, "DATABASE_URL: expected a URL"),
        ({"SPORTMONKS_URL": "http://h:abc"}, "SPORTMONKS_URL: expected a URL: http, https"),
        ({"SPORTMONKS_URL": "http://h/v3?key=secret"}, "SPORTMONKS_URL: expected a URL"),
        ({"WS_PUBLIC_URL": "ws:/x"}, "WS_PUBLIC_URL: expected a URL: ws, wss"),
        ({"WS_PUBLIC_URL": "ws:///x"}, "WS_PUBLIC_URL: expected a URL"),
        ({"WS_PUBLIC_URL": "ws://h\n/ws"}, "WS_PUBLIC_URL: expected a URL"),
        ({"SPORTMONKS_TOKEN": "secret\nb"}, "SPORTMONKS_TOKEN: expected one line"),
        ({"SPORTMONKS_TOKEN": "secret\\nb"}, "SPORTMONKS_TOKEN: expected one line"),
        ({"SPORTMONKS_TOKEN": "secret\x01"}, "SPORTMONKS_TOKEN: expected one line"),
        ({"SPORTMONKS_TOKEN": "secretß"}, "SPORTMONKS_TOKEN: expected one line"),
        ({"JWT_PUBLIC_KEYS": "{}"}, "JWT_PUBLIC_KEYS: expected a JSON Web Key Set with keys"),
        ({"JWT_PRIVATE_KEY": "@/nowhere/key"}, "JWT_PRIVATE_KEY: cannot read /nowhere/key"),
        ({"SPORTMONKS_TOKEN": ""}, "SPORTMONKS_TOKEN is not set"),
        ({"GOOGLE_CLIENT_ID": "a"}, "GOOGLE_CLIENT_ID is not a setting; did you mean"),
        ({"GOOGLE_CLIENT_SECRET": "s"}, "GOOGLE_CLIENT_SECRET is set and GOOGLE_CLIENT_IDS is"),
        ({"GOOGLE_HOSTED_DOMAINS": "a"}, "GOOGLE_HOSTED_DOMAINS is set and GOOGLE_CLIENT_IDS is"),
        ({"GOOGLE_CLIENT_IDS": "a,,b"}, "GOOGLE_CLIENT_IDS: expected comma-separated names"),
        (
            {"GOOGLE_CLIENT_IDS": "a", "GOOGLE_CLIENT_SECRET": "s"},
            "API_PUBLIC_ORIGINS is not set",
        ),
        ({"API_PUBLIC_ORIGINS": "https://h/x"}, "API_PUBLIC_ORIGINS: expected comma-separated"),
        (
            {"GOOGLE_CLIENT_IDS": "a", "GOOGLE_KEYS_URL": "ftp://h"},
            "GOOGLE_KEYS_URL: expected a URL: http, https",
        ),
        ({"BOT_ENABLED": "yes"}, "BOT_ENABLED: expected"),
        ({"BOT_ENABLED": "1", "BOT_DAILY_LOSS": "0"}, "BOT_DAILY_LOSS: expected"),
        ({"BOT_ENABLED": "1", "BOT_SEED": "x"}, "BOT_SEED: expected"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_that_names_it(
    change: dict[str, str], line: str
) -> None:
    with pytest.raises(SettingError, match=f"^{re.escape(line)}") as refused:
        config.api_settings({**API, **change})

    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {"REDIS_URL": "unix:///run/valkey.sock?db=0"},
        {"REDIS_URL": "unix://user:pw@/run/valkey.sock"},
        {"REDIS_URL": "rediss://user:p%40w@[::1]:6380/15?ssl_cert_reqs=none"},
        {"DATABASE_URL": "postgresql://u@/db?host=%2Frun%2Fpostgresql"},
        {"DATABASE_URL": "postgresql:///db?host=/run/postgresql"},
        {"DATABASE_URL": "postgres://u:p%40w@%2Frun%2Fpostgresql/db"},
        {"DATABASE_URL": "postgresql://u@h1:5432,h2:5433/db?sslmode=require"},
        {"DATABASE_URL": "postgresql://[::1],[::2]/db"},
    ],
)
def test_sockets_passwords_and_several_hosts_are_addresses_too(given: dict[str, str]) -> None:
    servers = config.flusher_settings({**SERVERS, **given}).servers

    assert set(given.values()) <= {servers.redis_url, servers.database_url}


def test_google_is_googles_unless_said_otherwise() -> None:
    assert config.api_settings(API).google is None

    google = config.api_settings({**API, "GOOGLE_CLIENT_IDS": "page.id, app.id"}).google

    assert google is not None
    assert google.client_ids == ("page.id", "app.id")
    assert google.issuers == ("https://accounts.google.com", "accounts.google.com")
    assert google.keys_url == "https://www.googleapis.com/oauth2/v3/certs"
    assert (google.client_secret, google.origins, google.domains) == ("", (), ())


def test_what_google_cloud_sets_in_every_process_is_no_misspelt_setting() -> None:
    config.api_settings({**API, "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_APPLICATION_CREDENTIALS": "f"})


def test_a_secret_file_of_other_bytes_is_no_token(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")

    with pytest.raises(SettingError, match=r"^SPORTMONKS_TOKEN: expected one line"):
        config.api_settings({**API, "SPORTMONKS_TOKEN": f"@{tmp_path}/key"})


def test_a_signing_key_of_an_unknown_kind_is_a_wrong_value() -> None:
    of_no_algorithm = "MBACAQAwBQYDKgMEBAQEAmFi"  # PKCS #8 with the object id 1.2.3.4

    with pytest.raises(ValueError, match="not a PEM private key") as refused:
        read_private_key(
            f"-----BEGIN PRIVATE KEY-----\n{of_no_algorithm}\n-----END PRIVATE KEY-----\n"
        )

    assert of_no_algorithm not in str(refused.value)


def test_what_kubernetes_injects_is_not_mistaken_for_a_setting() -> None:
    injected = {
        "API_SERVICE_HOST": "10.0.0.1",
        "WS_PORT_8081_TCP_ADDR": "10.0.0.2",
        "API_SERVICE_PORT_HTTP": "80",
    }

    assert config.api_settings({**API, **injected}).port == 8080


@pytest.mark.parametrize(
    "origin",
    [
        "http://",
        "https://a.example?x",
        "https://a.example#x",
        "https://a.example/page",
        "https://a.example:99999",
        "https://a.example:0",
        "https://a.example:443",
        "http://a.example:80",
        "https://a.example:",
        "https://A.example",
        "https://user@a.example",
        "https://a example",
        "https://*.example",
        "ws://a.example",
        "*",
        "",
        "https://a.example,",
    ],
)
def test_what_no_browser_would_send_as_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(SettingError, match=r"^WS_ALLOWED_ORIGINS"):
        config.ws_settings({**WS, "WS_ALLOWED_ORIGINS": origin})


@pytest.mark.parametrize(
    "origin", ["https://a.example", "http://localhost:8080", "http://[::1]:8080", "http://my_host"]
)
def test_an_origin_is_kept_as_a_browser_sends_it(origin: str) -> None:
    assert config.ws_settings({**WS, "WS_ALLOWED_ORIGINS": f"{origin}/"}).origins == (origin,)


@pytest.mark.parametrize(
    "hosts", ["https://h", "h:8080", "H", "h,,i", ".h", "h.", "h/x", "*", "a b", "*.example"]
)
def test_what_is_no_host_name_is_refused(hosts: str) -> None:
    for settings, given in ((config.api_settings, API), (config.ws_settings, WS)):
        with pytest.raises(SettingError, match=r"^ALLOWED_HOSTS"):
            settings({**given, "ALLOWED_HOSTS": hosts})


def test_hosts_are_none_or_those_that_are_named() -> None:
    named = {"ALLOWED_HOSTS": "api.internal, backend"}

    assert config.api_settings(API).allowed_hosts == config.ws_settings(WS).allowed_hosts == ()
    assert config.api_settings({**API, **named}).allowed_hosts == ("api.internal", "backend")
    assert config.ws_settings({**WS, **named}).allowed_hosts == ("api.internal", "backend")


@pytest.mark.parametrize("name", ["JWT_PRIVATE_KEY", "JWT_PREVIOUS_KEY"])
def test_ws_server_refuses_a_private_key(name: str) -> None:
    with pytest.raises(SettingError, match=f"{name}: ws-server verifies and never signs"):
        config.ws_settings({**WS, name: "x"})


def test_the_key_of_before_is_there_where_it_is_given() -> None:
    given = config.api_settings({**API, "JWT_PREVIOUS_KEY": "old"})

    assert given.previous_key == "old"
    assert config.api_settings(API).previous_key is None


def test_a_secret_may_live_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")

    found = config.api_settings({**API, "SPORTMONKS_TOKEN": f"@{tmp_path}/key"})

    assert found.feed.token == "from a file"


def test_the_plan_of_the_feed_is_the_smallest_that_will_do_unless_it_is_said() -> None:
    said = {"SPORTMONKS_TOKEN": "t", "SPORTMONKS_CALLS_PER_HOUR": "3000"}

    assert config.api_settings(API).feed.hourly == 2_000
    assert config.feed_settings(said, "http://h/v3").hourly == 3_000


def test_up_takes_both_external_servers_or_none() -> None:
    given = config.external_servers(SERVERS)

    assert config.external_servers({}) is None
    assert given is not None
    assert given.redis_url == SERVERS["REDIS_URL"]
    with pytest.raises(SettingError, match="REDIS_URL is set and its sibling is not"):
        config.external_servers({"REDIS_URL": SERVERS["REDIS_URL"]})


def test_every_setting_is_documented() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()

    assert [name for name in config.DEFAULTS if f"`{name}`" not in documented] == []


def test_without_being_asked_for_there_are_no_bots() -> None:
    assert config.api_settings(API).bots is None


def test_bots_trade_by_what_the_settings_say() -> None:
    given = {"BOT_ENABLED": "1", "BOT_SEED": "9", "BOT_DAILY_LOSS": "20"}

    assert config.api_settings({**API, **given}).bots == BotTerms(seed=9, daily_loss_e4=200_000)
    assert config.bots({"BOT_DAILY_LOSS": "20"}, seed=3) == BotTerms(3, 200_000, everywhere=True)
