"""Sessions: who is signed in, since when, and with which refresh token.

Times are those of Postgres, so that replicas whose clocks differ agree.
Source: docs/decisions/0034-signing-in.md.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from ..domain.ids import UserId
from ..domain.sessions import REFRESH_S, Chain, Shown, Verdict, judge
from .postgres import Postgres
from .users import User

MOST = 50  #: sessions of one user; a further one ends the one that was refreshed least lately
AGENT_MAX = 200  #: characters kept of what a client calls itself
#: What is over is forgotten after this; until then the reason can be told, and Redis put back.
KEPT = "1 day"

_MS = "(extract(epoch FROM {}) * 1000)::bigint"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a sign-in came from, as far as that is known; shown to its user alone."""

    agent: str | None = None
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One session that is not over; times in real Unix ms."""

    id: str
    created_ms: int
    used_ms: int
    expires_ms: int
    client: Client


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What became of a refresh; the user is None where there is no such session."""

    verdict: Verdict
    user: UserId | None = None


class Sessions:
    """The table `sessions`. Every method may raise an outage of Postgres."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def start(self, user: User, session: str, digest: bytes, client: Client) -> list[str] | None:
        """Begin *session* with the refresh token of this *digest*; which ones it has ended.

        None, and nothing begins, if the user has not the rights any more that *user* says.
        """
        with self._pg.transaction() as cursor:
            # One at a time for each user, or two at once would both find room for one; and none
            # of somebody who has just been suspended. Facts that refer to the user do not wait.
            cursor.execute(
                "SELECT role, status FROM users WHERE id = %s FOR NO KEY UPDATE", (user.id,)
            )
            if cursor.fetchone() != (user.role, user.status):
                return None
            cursor.execute(
                "DELETE FROM sessions WHERE user_id = %s AND"
                f" (expires_at < now() OR revoked_at < now() - interval '{KEPT}')",
                (user.id,),
            )
            cursor.execute(
                "UPDATE sessions SET revoked_at = now() WHERE id IN (SELECT id FROM sessions"
                " WHERE user_id = %s AND revoked_at IS NULL ORDER BY rotated_at DESC, id"
                " OFFSET %s) RETURNING id::text",
                (user.id, MOST - 1),
            )
            ended = [row[0] for row in cursor.fetchall()]
            cursor.execute(
                "INSERT INTO sessions (id, user_id, refresh_hash, user_agent, ip, expires_at)"
                f" VALUES (%s, %s, %s, %s, %s, now() + interval '{REFRESH_S} s')",
                (session, user.id, digest, client.agent and client.agent[:AGENT_MAX], client.ip),
            )
        return ended

    def refresh(self, session: str, shown: Shown) -> Refreshed:
        """Judge the *shown* token of *session* and do what follows from it."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT user_id, refresh_hash, prev_hash, extract(epoch FROM now() - rotated_at),"
                " extract(epoch FROM expires_at - now()), revoked_at IS NOT NULL"
                " FROM sessions WHERE id = %s FOR UPDATE",
                (session,),
            )
            row = cursor.fetchone()
            if row is None:
                return Refreshed(Verdict.REFUSE)
            verdict = judge(_chain(row), shown)
            if verdict is Verdict.ROTATE:
                cursor.execute(
                    "UPDATE sessions SET refresh_hash = %s, prev_hash = refresh_hash,"
                    f" rotated_at = now(), expires_at = now() + interval '{REFRESH_S} s'"
                    " WHERE id = %s",
                    (shown.successor, session),
                )
            elif verdict is Verdict.REUSED:
                cursor.execute("UPDATE sessions SET revoked_at = now() WHERE id = %s", (session,))
        return Refreshed(verdict, UserId(row[0]))

    def end(self, user: UserId, session: str) -> bool:
        """End a session of *user*; False if they have none of this id. Again changes nothing."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "UPDATE sessions SET revoked_at = coalesce(revoked_at, now())"
                " WHERE id = %s AND user_id = %s",
                (session, user),
            )
            return bool(cursor.rowcount)

    def is_over(self, user: UserId, session: str) -> bool:
        """Whether a session of *user* was ended; one of which nothing is known was not."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT 1 FROM sessions"
                " WHERE user_id = %s AND id::text = %s AND revoked_at IS NOT NULL",
                (user, session),
            )
            return cursor.fetchone() is not None

    def of(self, user: UserId) -> list[Session]:
        """The sessions of *user* that are not over, the one refreshed last first."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                f"SELECT id::text, {_MS.format('created_at')}, {_MS.format('rotated_at')},"
                f" {_MS.format('expires_at')}, user_agent, host(ip) FROM sessions"
                " WHERE user_id = %s AND revoked_at IS NULL AND expires_at > now()"
                " ORDER BY rotated_at DESC, id",
                (user,),
            )
            rows = cursor.fetchall()
        return [Session(row[0], row[1], row[2], row[3], Client(row[4], row[5])) for row in rows]


def new_session_id() -> str:
    """An id that no session has."""
    return str(uuid.uuid4())


def _chain(row: Any) -> Chain:
    _, current, previous, rotated, expires, revoked = row
    return Chain(
        bytes(current),
        None if previous is None else bytes(previous),
        float(rotated),
        float(expires),
        revoked,
    )
