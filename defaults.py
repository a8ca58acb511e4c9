"""Every setting with its default; `config.py` says what each is read as.

Source: docs/operations.md, "Settings".
"""

from __future__ import annotations

from collections.abc import Mapping

from .domain.allowance import HOURLY
from .domain.quota import Rates

#: Facts that may wait for Postgres before new trades pause.
OUTBOX_MAX = 2_000_000

_RATES = Rates()
DEFAULTS: Mapping[str, str | None] = {
    "ALLOWED_HOSTS": None,
    "API_ALLOWED_ORIGINS": None,
    "API_PORT": "8080",
    "API_PUBLIC_ORIGINS": None,
    "AUTH_DEV": "0",
    "BIND_ADDRESS": "0.0.0.0",  # noqa: S104 — a container's port is published by the platform
    "BOT_DAILY_LOSS": "500",
    "BOT_ENABLED": "0",
    "BOT_SEED": "1",
    "DATABASE_URL": None,
    "FLUSHER_EMBEDDED": "0",
    "FLUSH_INTERVAL": "100ms",
    "GOOGLE_AUTH_URL": "https://accounts.google.com/o/oauth2/v2/auth",
    "GOOGLE_CLIENT_IDS": None,
    "GOOGLE_CLIENT_SECRET": None,
    "GOOGLE_HOSTED_DOMAINS": None,
    "GOOGLE_ISSUERS": "https://accounts.google.com,accounts.google.com",
    "GOOGLE_KEYS_URL": "https://www.googleapis.com/oauth2/v3/certs",
    "GOOGLE_TOKEN_URL": "https://oauth2.googleapis.com/token",
    "HEALTH_PORT": None,
    "INPLAY_DELAY_MS": "5000",
    "JWT_ALG": None,
    "JWT_PREVIOUS_KEY": None,
    "JWT_PRIVATE_KEY": None,
    "JWT_PUBLIC_KEYS": None,
    "LIMIT_ADDRESS_PER_S": str(_RATES.address),
    "LIMIT_HANDSHAKES_PER_S": str(_RATES.handshakes),
    "LIMIT_ORDERS_PER_S": str(_RATES.orders),
    "LIMIT_READS_PER_S": str(_RATES.reads),
    "LIMIT_SIGN_INS_PER_S": str(_RATES.sign_ins),
    "OUTBOX_MAX": str(OUTBOX_MAX),
    "REDIS_KEY_TAG": "",
    "REDIS_URL": None,
    "SPORTMONKS_CALLS_PER_HOUR": str(HOURLY),
    "SPORTMONKS_TOKEN": None,
    "SPORTMONKS_URL": "https://api.sportmonks.com/v3/football",
    "TRUSTED_PROXIES": None,
    "WS_ALLOWED_ORIGINS": None,
    "WS_CAPACITY": "20000",
    "WS_COMPRESSION": "0",
    "WS_PORT": "8081",
    "WS_PUBLIC_URL": None,
}
"""None: it must be given where it is used."""
