"""Users, as rows of Postgres."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..domain.google_claims import GoogleIdentity
from ..domain.ids import UserId
from .postgres import Postgres

_USER = """SELECT id, email, display_name, role, status,
 (extract(epoch FROM created_at) * 1000)::bigint FROM users"""

NAME_MAX = 24  #: longest display name made from an address, characters


@dataclass(frozen=True, slots=True)
class User:
    """One person. `created_ms` is real time, Unix ms."""

    id: UserId
    email: str
    display_name: str
    role: str
    status: str
    created_ms: int


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

        None for the house's own address. Never somebody who signs in with Google.
        """
        known = "lower(email) = lower(%s) AND google_iss IS NULL AND id > 0"
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
                        f"INSERT INTO users (display_name, last_login_at{columns})"
                        f" VALUES (%s, now(){', %s' * len(made)}) ON CONFLICT DO NOTHING"
                        " RETURNING id",
                        (name, *made.values()),
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
    return User(UserId(row[0]), row[1], row[2], row[3], row[4], row[5])
