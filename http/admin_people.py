"""Users and their money, as operators see and change them.

Source: docs/operations.md, "What admins may do".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.ids import UserId, uuid7
from ..domain.money import format_e4
from ..domain.people import Denied, Role, StandingWanted, Status
from ..domain.refusals import Refusal, Refused
from ..protocol.admin import UserAdministered, WalletAdjusted
from ..protocol.pages import Page
from ..store.audit import Begun
from ..store.commands import ADJUSTMENT, CreditCommand
from ..store.people import Changed, PeopleSought, Person, StandingMoved
from .admin_form import Reason, SearchText, user_named, user_unknown
from .admin_reads import looked_at
from .answers import Cursors, json_answer, page_of
from .audited import Done, asked, audited, notes
from .auth import admin
from .deps import ApiDeps
from .operations import Access, Operation
from .problems import FieldError, Problem, Refuse
from .refusals import refusal
from .validate import SignedMoneyText, body, invalid, money, query
from .versions import changed, outdated, version_wanted, with_version


class UsersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/admin/users`; `q` is a part of an address or a name."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: str | None = None
    q: SearchText | None = None
    role: Literal["user", "admin"] | None = None
    status: Literal["active", "suspended", "deleted"] | None = None


class UserChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `PATCH /v1/admin/users/{id}`; what is absent stays."""

    reason: Reason
    role: Literal["user", "admin"] | None = None
    status: Literal["active", "suspended"] | None = None


class Adjustment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /v1/admin/users/{id}/wallet-adjustments`; a minus sign takes money back."""

    amount: SignedMoneyText
    reason: Reason


#: Of who would do something to themselves.
_OWN = FieldError("/id", "is your own", "path")
_DENIALS = {
    Denied.NOT_ADMIN: ("FORBIDDEN", "you are no admin any more"),
    Denied.OWN_ACCOUNT: ("OWN_ACCOUNT", "another admin has to do that"),
    Denied.LAST_ADMIN: ("LAST_ADMIN", "make somebody else an admin first"),
}


def people_routes(deps: ApiDeps, cursors: Cursors) -> Blueprint:
    """The routes of this file; all need the role admin."""
    routes = Blueprint("admin_people", __name__)

    @routes.get("/v1/admin/users")
    @Operation(access=Access.ADMIN, query=UsersQuery, answers={200: Page[UserAdministered]})
    def all_users() -> Response:
        """Users, the newest first."""
        admin(deps)
        return json_answer(_page(deps, cursors, query(UsersQuery)))

    @routes.get("/v1/admin/users/<user_id>")
    @Operation(
        access=Access.ADMIN,
        answers={200: UserAdministered},
        refusals=("USER_UNKNOWN",),
        versioned=True,
    )
    def one_user(user_id: str) -> Response:
        """One user."""
        admin(deps)
        user = user_named(user_id)
        looked_at((user,))
        person = deps.operators.people.one(user)
        if person is None:
            raise user_unknown(user)
        return with_version(json_answer(_view(person)))

    _add_change(routes, deps)
    _add_adjustment(routes, deps)
    return routes


def _add_change(routes: Blueprint, deps: ApiDeps) -> None:
    @routes.patch("/v1/admin/users/<user_id>")
    @Operation(
        access=Access.ADMIN,
        body=UserChange,
        guarded=True,
        answers={200: UserAdministered},
        refusals=("USER_UNKNOWN", "OWN_ACCOUNT", "LAST_ADMIN", "OUTCOME_UNKNOWN"),
    )
    def change_user(user_id: str) -> Response:
        """Change a user's role or status; all their sessions end. Suspension rejects what waits."""
        claims, user, wanted = admin(deps), user_named(user_id), body(UserChange)
        known = version_wanted("the user")
        if wanted.role is None and wanted.status is None:
            raise invalid("", "give at least one of role, status")
        what = asked(claims, "user.change", f"user {user}", wanted, known)
        by = UserId(claims.user)
        answer = audited(deps, what, lambda begun: _changed(deps, user, wanted, known, by, begun))
        return changed(answer, "the user", lambda: _version(deps, user))


def _add_adjustment(routes: Blueprint, deps: ApiDeps) -> None:
    @routes.post("/v1/admin/users/<user_id>/wallet-adjustments")
    @Operation(
        access=Access.ADMIN,
        body=Adjustment,
        keyed=True,
        answers={201: WalletAdjusted},
        refusals=(
            *("USER_UNKNOWN", "WALLET_MISSING", "QUANTITY_INVALID", "QUANTITY_PRECISION_EXCEEDED"),
            *("INSUFFICIENT_FUNDS", "AMOUNT_LIMIT_EXCEEDED", "OWN_WALLET", "OUTCOME_UNKNOWN"),
        ),
    )
    def adjust_wallet(user_id: str) -> Response:
        """Give a user money of the house, or take some back."""
        claims, user, wanted = admin(deps), user_named(user_id), body(Adjustment)
        amount_e4 = _signed(wanted.amount)
        what = asked(claims, "wallet.adjust", f"user {user}", wanted)
        by = UserId(claims.user)
        return audited(
            deps, what, lambda begun: _adjusted(deps, user, amount_e4, wanted.reason, begun, by)
        )


def _page(deps: ApiDeps, cursors: Cursors, wanted: UsersQuery) -> dict[str, object]:
    name = f"users:{wanted.q}:{wanted.role}:{wanted.status}"
    before = int(cursors.read(name, wanted.cursor)[0]) if wanted.cursor else None
    sought = PeopleSought(wanted.q, _standing(wanted.role, wanted.status), before)
    rows = deps.operators.people.page(sought, wanted.limit + 1)
    looked_at(person.id for person in rows[: wanted.limit])
    return page_of(rows, wanted.limit, _view, lambda each: cursors.issue(name, str(each.id)))


def _changed(
    deps: ApiDeps, user: UserId, wanted: UserChange, known: int, by: UserId, begun: Begun
) -> Done:
    standing = _standing(wanted.role, wanted.status)
    tell = notes(deps, begun, _done)
    found = deps.operators.people.change(user, standing, by, known, tell)
    if found is Denied.UNKNOWN:
        raise user_unknown(user)
    if isinstance(found, Denied):
        code, detail = _DENIALS[found]
        raise Refuse(Problem(code, detail, (FieldError("/id", detail, "path"),)))
    if isinstance(found, StandingMoved):
        raise outdated(found.version, "the user")
    # Postgres first: from then on nobody can sign in or go on. If Redis fails now, it is told
    # again with the same request.
    deps.revocations.add(*found.ended)
    if found.person.standing.status is Status.SUSPENDED:
        # Last: by now only a request that is under way can place another.
        deps.operators.withdrawals.withdraw((user,), Refusal.ACCOUNT_SUSPENDED, deps.calendar())
    return _done(found)


def _version(deps: ApiDeps, user: UserId) -> int:
    person = deps.operators.people.one(user)
    return 0 if person is None else person.version


def _done(change: Changed) -> Done:
    before, after = (
        {"role": each.role.value, "status": each.status.value}
        for each in (change.before, change.person.standing)
    )
    return Done(_view(change.person), before, after)


def _adjusted(
    deps: ApiDeps, user: UserId, amount_e4: int, reason: str, begun: Begun, by: UserId
) -> Done:
    if user == by:
        raise Refuse(Problem("OWN_WALLET", "another admin has to do that", (_OWN,)))
    if deps.users.by_id(user) is None:
        raise user_unknown(user)
    if deps.hot.wallet(user).version == 0:
        # The first thing in a wallet is the start balance; with anything else in it the next
        # sign-in would give none.
        raise Refuse(Problem("WALLET_MISSING", "the user gets one with the next sign-in"))
    now_ms = deps.calendar()
    command = CreditCommand(
        entry_id=uuid7(now_ms),
        user=user,
        kind=ADJUSTMENT,
        amount_e4=amount_e4,
        idem_key=begun.key,
        note=reason,
        now_ms=now_ms,
    )
    outcome = deps.scripts.wallet_credit(command)
    if isinstance(outcome, Refused):
        raise Refuse(replace(refusal(outcome, "/amount"), detail="the wallet is as it was"))
    # The row must not say "done" for longer than need be while only Redis knows of it.
    durable = deps.operators.drain.facts().complete
    fact = outcome.entry
    cash_e4, locked_e4 = int(fact["cash"]), int(fact["locked"])
    answer = WalletAdjusted(
        entry_id=fact["id"],
        user_id=user,
        amount=format_e4(amount_e4),
        cash=format_e4(cash_e4),
        locked=format_e4(locked_e4),
        durable="postgres" if durable else "redis",
    )
    before, after = ({"cash": format_e4(each)} for each in (cash_e4 - amount_e4, cash_e4))
    return Done(answer, before, after, status=201)


def _signed(text: str) -> int:
    amount_e4 = money(text.removeprefix("-"), "/amount")
    return -amount_e4 if text.startswith("-") else amount_e4


def _standing(role: str | None, status: str | None) -> StandingWanted:
    return StandingWanted(Role(role) if role else None, Status(status) if status else None)


def _view(person: Person) -> dict[str, object]:
    seen_ms = person.last_login_ms
    return {
        "id": person.id,
        "email": person.email,
        "display_name": person.display_name,
        "role": person.standing.role.value,
        "status": person.standing.status.value,
        "is_bot": person.is_bot,
        "created_at": rfc3339(person.created_ms),
        "last_login_at": None if seen_ms is None else rfc3339(seen_ms),
        "version": person.version,
    }
