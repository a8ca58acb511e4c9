"""Users, as rows of Postgres."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from psycopg2.errors import UniqueViolation

from ..domain.bots import is_bots
from ..domain.google_claims import GoogleIdentity
from ..domain.ids import UserId
from ..domain.names import name_key
from .postgres import Postgres

_USER = """SELECT id, email, display_name, role, status,
 (extract(epoch FROM created_at) * 1000)::bigint, settings::text FROM users"""

NAME_MAX = 24  #: longest display name made from an address, characters


@dataclass(frozen=True, slots=True)
class User:
    """One person. `created_ms` is real time, Unix ms; *settings* the JSON object they keep here."""

    id: UserId
    email: str
    display_name: str
    role: str
    status: str
    created_ms: int
    settings: str = "{}"


class Unchanged(Enum):
    """Why a user was not changed."""

    GONE = auto()  #: there is none
    STALE = auto()  #: they are not as was expected
    TAKEN = auto()  #: somebody else has the name, or one that differs by case alone


class Users:
    """The table `users`. The treasury (user 0) is never found or signed in here."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def by_id(self, user: UserId) -> User | None:
        """The user with this id."""
        with self._pg.transaction() as cursor:
            return _one(cursor, "WHERE id = %s AND id > 0", (user,))

    def sign_in(self, email: str) -> User | None:
        """The user who is this address (case does not matter) alone, made on first sight.

        None for the house's own address and those of bots. Never somebody who signs in with Google.
        """
        if is_bots(email):
            return None
        known = "lower(email) = lower(%s) AND google_iss IS NULL AND id > 0 AND NOT is_bot"
        return self._found_or_made(known, (email,), email, {}, {"email": email})

    def sign_in_google(self, identity: GoogleIdentity) -> User | None:
        """The user whom Google knows by this issuer and subject, made on first sight.

        Their address and picture become what Google says now. Nobody else is ever taken for
        them, whatever address they have.
        """
        found = {
            "email": identity.email,
            "email_verified": True,
            "avatar_url": identity.picture,
        }
        named = {"google_iss": identity.issuer, "google_sub": identity.subject}
        known = "google_iss = %s AND google_sub = %s AND id > 0"
        return self._found_or_made(known, tuple(named.values()), identity.email, found, named)

    def change(
        self,
        user: UserId,
        expected: Callable[[User], bool],
        *,
        display_name: str | None = None,
        settings: str | None = None,
    ) -> User | Unchanged:
        """Give *user* these, where given, if they still are as *expected*; nobody comes between.

        Args:
            display_name: a good one; see domain/names.py.
            settings: a JSON object.
        """
        key = None if display_name is None else name_key(display_name)
        try:
            with self._pg.transaction() as cursor:
                present = _one(cursor, "WHERE id = %s AND id > 0 FOR NO KEY UPDATE", (user,))
                if present is None:
                    return Unchanged.GONE
                if not expected(present):
                    return Unchanged.STALE
                cursor.execute(
                    "UPDATE users SET display_name = coalesce(%s, display_name),"
                    " name_key = coalesce(%s, name_key), settings = coalesce(%s::json, settings)"
                    " WHERE id = %s",
                    (display_name, key, settings, user),
                )
                return _one(cursor, "WHERE id = %s", (user,)) or Unchanged.GONE
        except UniqueViolation:
            return Unchanged.TAKEN

    def _found_or_made(
        self,
        known: str,
        by: tuple[str, ...],
        email: str,
        found: Mapping[str, object],
        named: Mapping[str, object],
    ) -> User | None:
        """The user whom the condition *known* finds *by* these, now as *found*; else a new one."""
        changes = "".join(f", {column} = %s" for column in found)
        made = {**found, **named}
        columns = "".join(f", {column}" for column in made)
        with self._pg.transaction() as cursor:
            for name in _names(email):
                cursor.execute(
                    f"UPDATE users SET last_login_at = now(){changes} WHERE {known} RETURNING id",
                    (*found.values(), *by),
                )
                row = cursor.fetchone()
                if row is None:
                    # No row: somebody else has just taken the identity, which the next round
                    # finds, or the name, and the next round has another.
                    cursor.execute(
                        f"INSERT INTO users (display_name, name_key, last_login_at{columns})"
                        f" VALUES (%s, %s, now(){', %s' * len(made)}) ON CONFLICT DO NOTHING"
                        " RETURNING id",
                        (name, name_key(name), *made.values()),
                    )
                    row = cursor.fetchone()
                if row is not None:
                    return _one(cursor, "WHERE id = %s", row)
        return None


def _names(email: str) -> tuple[str, ...]:
    """Display names to try for a new user: the plain one, then some that nobody has by chance."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", email.partition("@")[0]).strip("-")[:NAME_MAX]
    plain = plain or "player"
    return plain, *(f"{plain}-{secrets.token_hex(3)}" for _ in range(3))


def _one(cursor: Any, where: str, values: tuple[Any, ...]) -> User | None:
    cursor.execute(f"{_USER} {where}", values)
    row = cursor.fetchone()
    if row is None:
        return None
    return User(UserId(row[0]), *row[1:])
