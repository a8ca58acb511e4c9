"""The course of a season under `touchline up`: its clubs, its end, and the summary of it all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from gevent.event import Event

from ..domain.fixtures import Fixture
from ..domain.leaderboard import Week, week_of
from ..domain.table import Outcome, league_table
from ..matchserver.clock import WarpClock
from ..matchserver.matches import Season, results
from ..store.outage import OUTAGES
from ..store.reconcile import reconcile
from ..store.weeks import OpenedWeek, opened_weeks
from .stores import Stores

LOOK_S = 0.05
LISTING_S = 15.0  #: patience with the first page of the listing
PAGES_S = 2.0  #: and with the pages after it
DRAW_MS = 10 * 60_000  #: after its end a week has been drawn for, in calendar time
WEEKS_S = 180.0  #: patience with the boards and draws of all weeks, in real time
_log = structlog.get_logger(__name__)


def latest_instant(stores: Stores) -> int | None:
    """The calendar ms at which an earlier run stopped; None if there was none."""
    seen = [int(i.last_tick_id.split("-")[0]) for i in stores.hot.instruments()]
    polled = stores.hot.feed_health().get("last_ok")
    return max([*seen, int(polled or 0)]) or None


def forget_leases(stores: Stores) -> None:
    """Free what a run that was killed still holds; else the feed would wait it out."""
    # The fencing tokens stay: they only ever grow.
    held = [
        key for key in stores.redis.scan_iter(stores.keys.lease("*")) if not key.endswith(":token")
    ]
    if held:
        stores.redis.delete(*held)


def wait_for_listing(stores: Stores, season: Season, told: Event) -> None:
    """Return when the feed's listing is in, or when patience with it is over.

    Pages come at the pace of the polls, so a slow calendar does not wait for
    the last of them: it will be there long before its matches.
    """
    for look in range(round(LISTING_S / LOOK_S)):
        with suppress(*OUTAGES):
            listed = stores.fixtures.progress().fixtures
            if listed >= len(season.matches) or (listed and look * LOOK_S > PAGES_S):
                return
        if told.wait(LOOK_S):
            return


def wait_for_season(stores: Stores, season: Season, told: Event) -> bool:
    """Return True when every match of *season* has its result, False when told to stop before.

    One that an operator has made void has none, and is not waited for.
    """
    while not told.wait(LOOK_S):
        try:
            progress = stores.fixtures.progress()
        except OUTAGES:
            continue  # the actors wait it out, and so do we
        if progress.settled + progress.voided >= len(season.matches):
            return True
    return False


def wait_for_the_rest(stores: Stores, season: Season, clock: WarpClock, told: Event) -> None:
    """Return when each week of *season* has its boards and draw, or patience ends.

    And when what the feed had wrong until now is put right.
    Nothing is played any more, so the calendar need not run through what is left of the last week.
    Of a calendar that hurries many weeks may be left by then: they are caught up with one by one.
    """
    weeks = weeks_of(season)
    clock.advance_to(max(week.ends_ms for week in weeks) + DRAW_MS)
    for _ in range(round(WEEKS_S / LOOK_S)):
        with suppress(*OUTAGES):
            fixtures = stores.fixtures
            right = fixtures.progress().voided or as_played(season, fixtures.results())
            if right and over(weeks, opened_weeks(stores.pg)):
                return
        if told.wait(LOOK_S):
            return
    _log.warning(
        "some weeks have no board or draw yet, or some results are not as they were played"
    )


def weeks_of(season: Season) -> tuple[Week, ...]:
    """The weeks of the calendar from the first kick-off of *season* to its last whistle."""
    last_ms = max(match.final_whistle_ms for match in season.matches)
    found = [week_of(min(match.kickoff_ms for match in season.matches))]
    while found[-1].ends_ms <= last_ms:
        found.append(week_of(found[-1].ends_ms))
    return tuple(found)


def over(weeks: Sequence[Week], opened: Sequence[OpenedWeek]) -> bool:
    """Whether nothing is left to be done of any of *weeks*, by what became of those *opened*."""
    return {week.name for week in weeks} <= {each.week for each in opened if each.over}


def drain(stores: Stores) -> None:
    """Bring what is left in Redis to Postgres; after the tree, before the servers stop."""
    try:
        drained = stores.drain.everything()
    except OUTAGES as outage:
        _log.warning("not drained; the next start goes on with it", why=str(outage).strip())
        return
    if not drained.complete:
        _log.warning(
            "not everything is in Postgres",
            facts=drained.facts_left,
            states=drained.states_left,
            parked=drained.parked_left,
        )


def summary(stores: Stores, season: Season) -> dict[str, Any]:
    """What *season* came to: counts, results, table, weeks, and whether all of it is right.

    `right`: every result is as it was played, every week is drawn, and the books agree.
    """
    progress, settled = stores.fixtures.progress(), stores.fixtures.results()
    weeks = opened_weeks(stores.pg)
    played = as_played(season, settled)
    if not played:
        _log.error("results are not as they were played")
    report = reconcile(stores.redis, stores.keys, stores.pg)
    if not report.ok:
        _log.error("the books do not agree", report=report.as_dict())
    return {
        "fixtures": progress.fixtures,
        "settled": progress.settled,
        "ticks": sum(instrument.seq for instrument in stores.hot.instruments()),
        "trades": stores.ledger.count_trades(),
        "results": list(map(_result, settled)),
        "table": [
            [row.club, row.played, row.points, row.goals_for, row.goals_against]
            for row in league_table(map(_outcome, settled))
        ],
        "weeks": [_week(each) for each in weeks if each.frozen],
        "reconcile": "ok" if report.ok else "failed",
        "right": played and report.ok and over(weeks_of(season), weeks),
    }


def as_played(season: Season, settled: Sequence[Fixture]) -> bool:
    """Whether *settled* are all the matches of *season*, each as it was played."""
    found = {each.id: (each.score, each.penalties) for each in settled}
    return found == {each.match_id: (each.score, each.penalties) for each in results(season)}


def _outcome(fixture: Fixture) -> Outcome:
    return Outcome(fixture.home.name, fixture.away.name, *fixture.score)


def _result(fixture: Fixture) -> dict[str, Any]:
    return {
        "home": fixture.home.name,
        "away": fixture.away.name,
        "score": list(fixture.score),
        "penalties": None if fixture.penalties is None else list(fixture.penalties),
    }


def _week(ended: OpenedWeek) -> dict[str, Any]:
    return {
        "week": ended.week,
        "approximate": ended.approximate,
        "people": ended.people,
        "bots": ended.bots,
        "draw": None if ended.draw is None else ended.draw.value,
        "prizes": ended.prizes,
    }
