"""The steps between a start and a tree: servers that answer, a schema, a complete Redis."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import psycopg2
import redis
import structlog
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from ..actors.child import Child
from ..actors.rehydrator import Rehydrator
from ..config import SettingError
from ..http.algorithms import algorithm_of
from ..http.keys import PublicKeys, read_private_key, thumbprint
from ..store.outage import OUTAGES, one_line
from ..store.schema import apply_schema
from .stores import Stores

RETRY_S = 0.5  #: first pause while a server is away; doubles up to the longest
LONGEST_RETRY_S = 5.0
#: Seconds a rehydration may take before the supervisor thinks it hangs. Whole tables are read
#: in it, and each of its calls ends by itself: a statement after 600 s, an answer of Redis after 5.
REHYDRATION_S = 3600.0
#: What libpq and Postgres say at connect when only another setting helps. psycopg2 has no
#: SQLSTATE (28xxx, 3D000) there, so the words decide; a server that says them in another
#: language is waited for like one that is away.
REFUSED_AT_CONNECT = re.compile(
    r'(?:FATAL:  )?(.*(?:authentication failed for user|(?:role|database) ".*" does not exist'
    r"|is not permitted to log in|permission denied for database|no password supplied"
    r"|no pg_hba.conf entry|pg_hba.conf rejects|unrecognized configuration parameter"
    r"|invalid value for parameter|^invalid .* value:|could not match \d+ port numbers).*)",
    re.MULTILINE,
)
_log = structlog.get_logger(__name__)


def check_keys(
    public_keys: str, private_key: str | None = None, algorithm: str | None = None
) -> None:
    """Return if the JWK set can verify, and can verify what *private_key* (PEM) signs.

    Args:
        algorithm: the one that the key has to be for; None: any.

    Raises:
        SettingError: it cannot; the text quotes no key.
    """
    try:
        verifying = PublicKeys.parse(public_keys)
    except ValueError as why:
        raise SettingError(f"JWT_PUBLIC_KEYS: {why}") from None
    if private_key is None:
        return
    try:
        signing = read_private_key(private_key)
    except ValueError as why:
        raise SettingError(f"JWT_PRIVATE_KEY: {why}") from None
    if verifying.by_id(thumbprint(signing.public_key())) is None:
        raise SettingError("JWT_PRIVATE_KEY: its public key is not among JWT_PUBLIC_KEYS")
    if algorithm not in (None, algorithm_of(signing)):
        raise SettingError(f"JWT_PRIVATE_KEY: signs by {algorithm_of(signing)}, not {algorithm}")


def check_previous_key(private_key: str | None) -> None:
    """Return if *private_key* (PEM), where one is given, is one that can have signed.

    Raises:
        SettingError: it cannot; the text quotes no key.
    """
    try:
        if private_key is not None:
            read_private_key(private_key)
    except ValueError as why:
        raise SettingError(f"JWT_PREVIOUS_KEY: {why}") from None


#: Takes the name of a server, and True once it answers or why it is waited for.
Note = Callable[[str, bool | str], None]


def prepare(
    stores: Stores, note: Note = lambda _server, _found: None, *, alone: bool = False
) -> None:
    """Return when Postgres has the schema and Redis has everything Postgres knows of.

    Waits for servers that are away, with one line in the log; *note* hears of it.

    Args:
        alone: nobody else uses the database, so the schema may break with older programs.

    Raises:
        SchemaMismatch: the database is another program's, or of a version we cannot work with.
        SettingError: a server refuses what we call ourselves or may do, or Redis evicts.
    """
    _waited_out("postgres", lambda: apply_schema(stores.pg, breaking=alone), note)
    _waited_out("redis", lambda: _complete(stores), note)


def rehydrator(stores: Stores) -> Child:
    """The child that does for a running process what `prepare` does for one that starts."""
    return Child("rehydrator", lambda: Rehydrator(stores.recovery), stuck_s=REHYDRATION_S)


def _complete(stores: Stores) -> None:
    while stores.recovery.due() and not stores.recovery.run():  # another process is at it
        time.sleep(RETRY_S)
    _check_eviction(stores.redis)


def _check_eviction(client: redis.Redis) -> None:
    name = "maxmemory-policy"
    try:
        found: dict[str, str] = client.config_get(name)  # type: ignore[assignment]  # not async
    except ResponseError as why:
        # Most Redis that are somebody's product keep CONFIG to themselves.
        _log.warning(f"cannot check {name}, it must be noeviction", why=str(why))
        return
    if found.get(name, "noeviction") != "noeviction":
        raise SettingError(f"REDIS_URL: {name} is {found[name]} there, it must be noeviction")


def _waited_out(server: str, step: Callable[[], object], note: Note) -> None:
    pause_s = RETRY_S
    while True:
        try:
            step()
        except (*OUTAGES, psycopg2.ProgrammingError, ResponseError) as error:
            _refuse(error)
            if not isinstance(error, OUTAGES):
                raise
            note(server, one_line(error))
            if pause_s == RETRY_S:
                _log.warning("waiting for a server", server=server, why=str(error).strip())
            time.sleep(pause_s)
            pause_s = min(LONGEST_RETRY_S, pause_s * 2)
        else:
            note(server, True)
            return


def _refuse(error: Exception) -> None:
    """Raise SettingError if *error* will stay until somebody changes a setting or a grant."""
    text = str(error).strip()
    match error:
        case AuthenticationError() | NoPermissionError():
            raise SettingError(f"REDIS_URL: {text}") from None
        case ResponseError() if "DB index is out of range" in text:
            raise SettingError(f"REDIS_URL: {text}") from None
        case psycopg2.errors.InsufficientPrivilege() | psycopg2.errors.InvalidSchemaName():
            raise SettingError(f"DATABASE_URL: {text.splitlines()[0]}") from None
        case psycopg2.OperationalError() if refused := REFUSED_AT_CONNECT.search(text):
            raise SettingError(f"DATABASE_URL: {refused[1]}") from None
