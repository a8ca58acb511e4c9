"""`/v1/admin/bots`: whether bots may trade, and what they have made of their money.

Source: docs/protocol.md, "Admin: bots".
"""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.money import format_e4
from ..domain.refusals import Refusal
from ..protocol.admin_bots import BotShown, BotsShown, BotSwitchShown
from ..store.audit import Begun
from ..store.bot_books import Enrolled, Gains
from ..store.bot_switch import Permission, Stale, Switched
from ..store.worth import Worth
from .admin_form import Reason
from .admin_reads import looked_at
from .answers import json_answer
from .audited import Done, asked, audited, settles
from .auth import admin
from .confirming import confirmed
from .deps import ApiDeps
from .operations import Access, Operation
from .validate import body
from .versions import changed, outdated, version_wanted, with_version


class BotsWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `PUT /v1/admin/bots`."""

    enabled: bool
    reason: Reason


def bot_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("admin_bots", __name__)

    @routes.get("/v1/admin/bots")
    @Operation(access=Access.ADMIN, answers={200: BotsShown}, versioned=True)
    def all_bots() -> Response:
        """Whether bots may trade, and what each has gained."""
        admin(deps)
        now = _shown(deps.operators.market.bots.present())
        found = BotsShown(now.enabled, now.reason, now.since, now.version, _bots(deps))
        return with_version(json_answer(found))

    @routes.put("/v1/admin/bots")
    @Operation(
        access=Access.ADMIN,
        body=BotsWanted,
        guarded=True,
        answers={200: BotSwitchShown},
        refusals=("OUTCOME_UNKNOWN",),
    )
    def switch_bots() -> Response:
        """Let bots trade, or have them stop, and take back those orders of theirs that wait."""
        claims = admin(deps)
        wanted, known = body(BotsWanted), version_wanted("the bots")
        what = asked(claims, "bots.switch", "bots", wanted, known)
        answer = audited(deps, what, lambda begun: _switch(deps, wanted, known, begun))
        switch = deps.operators.market.bots
        return changed(answer, "the bots", lambda: switch.present().version)

    return routes


def _switch(deps: ApiDeps, wanted: BotsWanted, known: int, begun: Begun) -> Done:
    change = deps.operators.market.bots.set(
        wanted.enabled, wanted.reason, known, deps.calendar(), settles(deps, begun, _done)
    )
    if isinstance(change, Stale):
        raise outdated(change.present.version, "the bots")
    if not wanted.enabled:
        # Without Redis the engine does it at its next look.
        confirmed(lambda: _withdraw(deps), 0)
    return _done(change)


def _withdraw(deps: ApiDeps) -> int:
    users = [each.user for each in deps.operators.market.bot_books.enrolled()]
    return deps.operators.withdrawals.withdraw(users, Refusal.BOTS_STOPPED, deps.calendar())


def _done(change: Switched) -> Done:
    after = _shown(change.after)
    return Done(after, _shown(change.before), after)


def _shown(present: Permission) -> BotSwitchShown:
    since = None if present.since_ms is None else rfc3339(present.since_ms)
    return BotSwitchShown(present.enabled, present.note or None, since, present.version)


def _bots(deps: ApiDeps) -> tuple[BotShown, ...]:
    books = deps.operators.market.bot_books
    enrolled = books.enrolled()
    looked_at(each.user for each in enrolled)
    portfolios = deps.hot.portfolios([each.user for each in enrolled])
    worths = [Worth(each.user, each.equity_e4, each.wallet.version) for each in portfolios]
    gains = books.gains(worths, deps.calendar())
    return tuple(
        _bot(bot, worth.equity_e4, gains[bot.user])
        for bot, worth in zip(enrolled, worths, strict=True)
    )


def _bot(bot: Enrolled, equity_e4: int, gains: Gains) -> BotShown:
    today = None if gains.today_e4 is None else format_e4(gains.today_e4)
    equity, ever = format_e4(equity_e4), format_e4(gains.ever_e4)
    return BotShown(bot.user, bot.display_name, bot.status, equity, today, ever)
