"""Users, as rows of Postgres."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

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
        """The user with this address (case does not matter), made on first sight.

        None for the house's own address.
        """
        with self._pg.transaction() as cursor:
            for name in _names(email):
                cursor.execute(
                    "UPDATE users SET last_login_at = now()"
                    " WHERE lower(email) = lower(%s) AND id > 0 RETURNING id",
                    (email,),
                )
                known = cursor.fetchone()
                if known:
                    return _one(cursor, "WHERE id = %s", known)
                # No row: somebody else has just taken the address, which the
                # next round finds, or the name, and the next round has another.
                cursor.execute(
                    "INSERT INTO users (email, display_name, last_login_at)"
                    " VALUES (%s, %s, now()) ON CONFLICT DO NOTHING RETURNING id",
                    (email, name),
                )
                made = cursor.fetchone()
                if made:
                    return _one(cursor, "WHERE id = %s", made)
        return None

    def make_admin(self, email: str) -> bool:
        """Give the user with this address the role admin; False if there is none."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "UPDATE users SET role = 'admin' WHERE lower(email) = lower(%s) AND id > 0",
                (email,),
            )
            return bool(cursor.rowcount)


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
