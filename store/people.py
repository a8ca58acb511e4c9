"""Users as operators see them: found, and given other rights.

Source: docs/operations.md, "What admins may do".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..domain.ids import UserId
from ..domain.people import Denied, Role, Standing, StandingWanted, Status, changed
from .postgres import Postgres
from .refusals import Cursor
from .revocations import KEPT_MS, Ended
from .telling import Tell, nobody

_PERSON = """SELECT id, email, display_name, role, status, is_bot,
 (extract(epoch FROM created_at) * 1000)::bigint,
 (extract(epoch FROM last_login_at) * 1000)::bigint, rights_version FROM users"""


_ANY = StandingWanted()


@dataclass(frozen=True, slots=True)
class Person:
    """One user; times are real Unix ms. *version* counts the changes of rights."""

    id: UserId
    email: str
    display_name: str
    standing: Standing
    is_bot: bool
    created_ms: int
    last_login_ms: int | None
    version: int


@dataclass(frozen=True, slots=True)
class PeopleSought:
    """What users are looked for; None is any.

    *text*: part of an address or a name, whatever its case. *before*: only those with lower ids.
    """

    text: str | None = None
    standing: StandingWanted = _ANY
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """A user whose rights are as wanted.

    *ended* are all of their sessions that were ended within the time anything looks for them, those
    of earlier changes too: that Redis was told of these then is not certain.
    """

    person: Person
    before: Standing
    ended: tuple[Ended, ...]


@dataclass(frozen=True, slots=True)
class StandingMoved:
    """The version of the rights that was known is not the present one, *version*."""

    version: int


class People:
    """The table `users`. The treasury (user 0) is nobody. Every method may raise an outage."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def page(self, sought: PeopleSought, limit: int) -> list[Person]:
        """At most *limit* users, the one who came last first."""
        wanted: dict[str, tuple[Any, ...] | None] = {
            "(email ILIKE %s OR display_name ILIKE %s)": _like(sought.text),
            "role = %s": _one_of(sought.standing.role),
            "status = %s": _one_of(sought.standing.status),
            "id < %s": _one_of(sought.before),
        }
        given = {text: values for text, values in wanted.items() if values is not None}
        where = " AND ".join(["id > 0", *given])
        values = [value for each in given.values() for value in each]
        with self._pg.transaction() as cursor:
            cursor.execute(f"{_PERSON} WHERE {where} ORDER BY id DESC LIMIT %s", (*values, limit))
            return [_person(row) for row in cursor.fetchall()]

    def with_address(self, email: str) -> UserId | None:
        """The user with this address; of several, the one who signed in last.

        An address may have passed on since the others did.
        """
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT id FROM users WHERE lower(email) = lower(%s) AND id > 0"
                " ORDER BY last_login_at DESC NULLS LAST, id DESC LIMIT 1",
                (email,),
            )
            row = cursor.fetchone()
        return None if row is None else UserId(row[0])

    def one(self, user: UserId) -> Person | None:
        """The user with this id."""
        with self._pg.transaction() as cursor:
            return _found(cursor, user)

    def change(
        self,
        user: UserId,
        wanted: StandingWanted,
        by: UserId | None,
        known: int | None = None,
        tell: Tell[Changed] = nobody,
    ) -> Changed | Denied | StandingMoved:
        """Have the rights of *user* as *wanted*, and end their sessions if that changes any.

        Args:
            by: which admin wants it; None for whoever has the servers themselves.
            known: the version that is to be changed; None for any. Rights that are as wanted
                already have not to be of that version: whoever made them so may have been us.
            tell: is told of it in the same transaction.
        """
        with self._pg.transaction() as cursor:
            standings = _locked(cursor, user)
            before, present = standings.get(user), _found(cursor, user)
            if before is None or present is None:
                return Denied.UNKNOWN
            admins = [each for each, standing in standings.items() if standing.admin]
            after = changed(before, wanted, user, by, admins)
            if isinstance(after, Denied):
                return after
            if after != before:
                if known not in (None, present.version):
                    return StandingMoved(present.version)
                _write(cursor, user, after)
                present = replace(present, standing=after, version=present.version + 1)
            change = Changed(present, before, _ended(cursor, user))
            tell(cursor, change)
            return change


def _locked(cursor: Cursor, user: UserId) -> dict[UserId, Standing]:
    """The rights of *user* and of all admins, who are left alone until the transaction ends.

    Two admins who take each other's rights away come after each other so, and a sign-in that is
    under way comes before it or after. Facts that refer to the users do not wait for it.
    """
    cursor.execute(
        "SELECT id, role, status FROM users WHERE id > 0 AND"
        " (id = %s OR (role = 'admin' AND status = 'active')) ORDER BY id FOR NO KEY UPDATE",
        (user,),
    )
    return {
        UserId(number): Standing(Role(role), Status(status))
        for number, role, status in cursor.fetchall()
    }


def _write(cursor: Cursor, user: UserId, standing: Standing) -> None:
    cursor.execute(
        "UPDATE users SET role = %s, status = %s, rights_version = rights_version + 1"
        " WHERE id = %s",
        (standing.role, standing.status, user),
    )
    cursor.execute(
        "UPDATE sessions SET revoked_at = now() WHERE user_id = %s AND revoked_at IS NULL", (user,)
    )


def _ended(cursor: Cursor, user: UserId) -> tuple[Ended, ...]:
    cursor.execute(
        "SELECT id::text FROM sessions"
        f" WHERE user_id = %s AND revoked_at > now() - interval '{KEPT_MS} ms'",
        (user,),
    )
    return tuple(Ended(user, session) for (session,) in cursor.fetchall())


def _found(cursor: Cursor, user: UserId) -> Person | None:
    cursor.execute(f"{_PERSON} WHERE id = %s AND id > 0", (user,))
    row = cursor.fetchone()
    return None if row is None else _person(row)


def _one_of(value: object) -> tuple[object] | None:
    return None if value is None else (value,)


def _like(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    for special in "\\%_":
        text = text.replace(special, "\\" + special)
    return f"%{text}%", f"%{text}%"


def _person(row: Sequence[Any]) -> Person:
    number, email, name, role, status, is_bot, created_ms, seen_ms, version = row
    standing = Standing(Role(role), Status(status))
    return Person(UserId(number), email, name, standing, is_bot, created_ms, seen_ms, version)
