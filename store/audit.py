"""What operators did: written down before it is done, completed when it is known what came of it.

No act is ever without a row. A process may die in between, so a row without an outcome says that
nobody knows; whoever asks again under the same key has it done again, which acts have to bear.

Source: docs/operations.md, "What admins may do".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg2.extras import Json

from .postgres import Postgres
from .refusals import Cursor

DONE = "done"  #: the outcome of an act that was not refused
#: Real seconds for which an act is taken to be under way: longer than any may take.
HELD_S = 60
PAGE_MAX = 200  #: rows of one page
TARGET_MAX = 200  #: characters kept of what somebody says a target is

_COLUMNS = """id, actor, session_id::text, action, target, request, before, after, outcome, status,
 request_id, host(ip), (extract(epoch FROM at) * 1000)::bigint"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants done.

    Attributes:
        actor: `user 7` or `command line`. *session*: that they are signed in by.
        action: such as `users.change`. *target*: such as `user 9`.
        request: all that was asked for, as JSON has it.
        key: the Idempotency-Key; None where there is none.
    """

    actor: str
    action: str
    target: str
    request: Any
    session: str | None = None
    key: str | None = None
    request_id: str | None = None
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A row to be settled: whoever has it does what was asked for."""

    id: int

    @property
    def key(self) -> str:
        """What Redis and the ledger may remember the act by; no client has it."""
        return f"audit:{self.id}"


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of it: `done` or the code of a refusal, what it changed, what was answered."""

    outcome: str
    status: int
    answer: Any = None
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Somebody is at it, or has died at it less than `HELD_S` ago."""


@dataclass(frozen=True, slots=True)
class OtherRequest:
    """The key was used for something else."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it is read; *at_ms* is real Unix ms.

    *before* and *after* may be known where nobody knows yet whether all of it was done.
    """

    id: int
    asked: Asked
    before: Any
    after: Any
    settled: Settled | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Sought:
    """What rows are looked for; None is any. *before*: only those older than this row."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    before: int | None = None


class Audit:
    """The table `audit_log`. Every method may raise an outage of Postgres."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def begin(self, asked: Asked) -> Begun | Settled | UnderWay | OtherRequest:
        """Write down what is *asked* for, or find what came of it when it was asked for before."""
        asked = replace(asked, target=_text(asked.target)[:TARGET_MAX])
        while True:
            with self._pg.transaction() as cursor:
                begun = _written(cursor, asked) or _found(cursor, asked)
            if begun is not None:
                return begun
            # Its key was taken a moment ago, and has been free since: that one was refused.

    def settle(self, begun: Begun, settled: Settled) -> None:
        """Write down what came of it."""
        with self._pg.transaction() as cursor:
            self.settle_in(cursor, begun, settled)

    def settle_in(self, cursor: Cursor, begun: Begun, settled: Settled) -> None:
        """As `settle`, inside the transaction that does it; what was said first stays said."""
        cursor.execute(
            "UPDATE audit_log SET outcome = %s, status = %s, answer = %s,"
            " before = coalesce(before, %s), after = coalesce(after, %s),"
            " done_at = now() WHERE id = %s AND outcome IS NULL",
            (
                settled.outcome,
                settled.status,
                _json(settled.answer),
                _json(settled.before),
                _json(settled.after),
                begun.id,
            ),
        )

    def note(self, begun: Begun, before: Any) -> None:
        """Write down what there is before an act whose change no transaction of ours makes."""
        with self._pg.transaction() as cursor:
            self.note_in(cursor, begun, before, None)

    def note_in(self, cursor: Cursor, begun: Begun, before: Any, after: Any) -> None:
        """Write down what an act changes, inside the transaction that does it; it goes on.

        Who completes it later finds everything as it is *after*, so what was noted first stays.
        """
        cursor.execute(
            "UPDATE audit_log SET before = %s, after = %s"
            " WHERE id = %s AND outcome IS NULL AND before IS NULL AND after IS NULL",
            (_json(before), _json(after), begun.id),
        )

    def let_go(self, begun: Begun) -> None:
        """Nobody is at it any more, and it is not known what came of it: it may be done again."""
        with self._pg.transaction() as cursor:
            cursor.execute("UPDATE audit_log SET tried_at = NULL WHERE id = %s", (begun.id,))

    def page(self, sought: Sought, limit: int) -> list[Line]:
        """At most *limit* rows, newest first."""
        wanted = {
            "actor = %s": sought.actor,
            "action = %s": sought.action,
            "target = %s": sought.target,
            "id < %s": sought.before,
        }
        given = {text: value for text, value in wanted.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        with self._pg.transaction() as cursor:
            cursor.execute(
                f"SELECT {_COLUMNS} FROM audit_log {where} ORDER BY id DESC LIMIT %s",
                (*given.values(), limit),
            )
            return [_line(row) for row in cursor.fetchall()]


def _written(cursor: Cursor, asked: Asked) -> Begun | None:
    """A row of its own; None if the key is taken."""
    cursor.execute(
        "INSERT INTO audit_log (actor, session_id, action, target, request, idem_key, request_id,"
        " ip) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
        (
            asked.actor,
            asked.session,
            asked.action,
            asked.target,
            _json(asked.request),
            asked.key,
            asked.request_id,
            asked.ip,
        ),
    )
    row = cursor.fetchone()
    return None if row is None else Begun(row[0])


def _found(cursor: Cursor, asked: Asked) -> Begun | Settled | UnderWay | OtherRequest | None:
    """What there is under the key of *asked*; None if it is free by now."""
    cursor.execute(
        "SELECT id, action = %s AND target = %s AND request = %s, outcome, status, answer, before,"
        " after, coalesce(tried_at > now() - %s * INTERVAL '1 second', false) FROM audit_log"
        " WHERE actor = %s AND idem_key = %s AND (outcome IS NULL OR outcome = %s) FOR UPDATE",
        (
            asked.action,
            asked.target,
            _json(asked.request),
            HELD_S,
            asked.actor,
            asked.key,
            DONE,
        ),
    )
    row = cursor.fetchone()
    if row is None:
        return None
    number, same, outcome, status, answer, before, after, tried = row
    if not same:
        return OtherRequest()
    if outcome is not None:
        return Settled(outcome, status, answer, before, after)
    if tried:
        return UnderWay()
    cursor.execute("UPDATE audit_log SET tried_at = now() WHERE id = %s", (number,))
    return Begun(number)


def _line(row: Sequence[Any]) -> Line:
    number, actor, session, action, target, request, before, after, outcome, status = row[:10]
    request_id, ip, at_ms = row[10:]
    asked = Asked(
        actor=actor,
        session=session,
        action=action,
        target=target,
        request=request,
        request_id=request_id,
        ip=ip,
    )
    settled = None if outcome is None else Settled(outcome, status, None, before, after)
    return Line(number, asked, before, after, settled, at_ms)


def _json(value: Any) -> Json | None:
    return None if value is None else Json(value, dumps=_dumped)


def _dumped(value: Any) -> str:
    return _text(json.dumps(value).replace("\\u0000", "\\ufffd"))


def _text(text: str) -> str:
    # Neither text nor jsonb can hold NUL; whoever reads it sees the replacement.
    return text.replace("\0", "\ufffd")
