"""The feed's endpoints under /v3/football: which matches, and in what envelope."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from . import queries
from .faults import Faults
from .lies import gone, seen, vanished
from .matches import Match, Season
from .queries import Params
from .quota import Allowance, Quota
from .render import Json, fixture, league_id, state_json
from .replies import Refusal, Reply, data_reply, refusal_reply, too_many_requests
from .states import IN_PLAY, STATES
from .timeline import Moment


@dataclass(frozen=True, slots=True)
class Request:
    """A GET of the feed: *path* behind the version, *url* without its query."""

    path: str
    url: str
    params: Params
    authorization: str | None


class Feed:
    """Answers requests about *season* as it stands at the calendar's now.

    Args:
        season: what is played.
        calendar: now, ms.
        faults: asked for the lies to tell.
        quota: the budget by entity.
        token: what requests must carry, in the header or as `api_token`; None: nothing.
    """

    def __init__(
        self,
        season: Season,
        calendar: Callable[[], int],
        faults: Faults,
        quota: Quota,
        token: str | None,
    ) -> None:
        self._season = season
        self._calendar = calendar
        self._faults = faults
        self._quota = quota
        self._token = token
        self._league_id = league_id(season)
        self._by_id = {match.id: match for match in season.matches}

    def answer(self, request: Request) -> Reply:
        """The true answer to *request*, or the feed's refusal."""
        try:
            if not self.admits(request):
                raise Refusal(401, "Unauthenticated.")
            allowance = self._quota.spend("State" if request.path == "/states" else "Fixture")
            if not allowance.granted:
                return refusal_reply(too_many_requests(), allowance)
            return self._route(request, allowance)
        except Refusal as refusal:
            return refusal_reply(refusal)

    def admits(self, request: Request) -> bool:
        """Whether *request* carries the token."""
        offered = request.authorization, request.params.get("api_token")
        return self._token is None or self._token in offered

    def _route(self, request: Request, allowance: Allowance) -> Reply:
        match request.path.strip("/").split("/"):
            case ["states"]:
                return data_reply([state_json(s.developer_name) for s in STATES], allowance)
            case ["livescores", "inplay"]:
                return data_reply(self._in_play(request), allowance)
            case ["fixtures", "between", start, end]:
                return self._between(request, start, end, allowance)
            case ["fixtures", "multi", ids]:
                return data_reply(self._multi(request, ids), allowance)
            case ["fixtures", number]:
                return data_reply(self._one(request, number), allowance)
            case _:
                raise Refusal(404, "The requested endpoint does not exist.")

    def _in_play(self, request: Request) -> list[Json]:
        now_ms, about = self._calendar(), self._faults.about
        includes = queries.includes(request.params)
        # This is asked up to fifty times a second: most of a season is not looked into.
        moments = (
            (match, seen(match, about(match.id), now_ms))
            for match in self._in_leagues(request)
            if match.kickoff_ms <= now_ms < match.final_whistle_ms or about(match.id)
        )
        return [
            self._json(match, at, includes)
            for match, at in moments
            if at.state in IN_PLAY and not vanished(match, about(match.id), now_ms)
        ]

    def _between(self, request: Request, start: str, end: str, allowance: Allowance) -> Reply:
        first, last = queries.day(start), queries.day(end)
        page = queries.page(request.params)
        found = [
            match
            for match in self._known(self._in_leagues(request))
            if first <= self._day(match) <= last
        ]
        return data_reply(
            self._now(page.of(found), request),
            allowance,
            page.as_json(found, request.url, request.params),
        )

    def _multi(self, request: Request, ids: str) -> list[Json]:
        asked = {queries.whole_number("ids", number) for number in ids.split(",")}
        found = [self._by_id[i] for i in sorted(asked) if i in self._by_id]
        return self._now(self._known(found), request)

    def _one(self, request: Request, number: str) -> Json:
        match = self._by_id.get(queries.whole_number("id", number))
        if match is None or not self._known([match]):
            raise Refusal(404, "No fixture was found with that id.")
        return self._now([match], request)[0]

    def _now(self, matches: Iterable[Match], request: Request) -> list[Json]:
        now_ms = self._calendar()
        includes = queries.includes(request.params)
        return [
            self._json(match, seen(match, self._faults.about(match.id), now_ms), includes)
            for match in matches
        ]

    def _known(self, matches: Iterable[Match]) -> list[Match]:
        now_ms, about = self._calendar(), self._faults.about
        return [match for match in matches if not gone(match, about(match.id), now_ms)]

    def _day(self, match: Match) -> date:
        at = seen(match, self._faults.about(match.id), self._calendar())
        return datetime.fromtimestamp(at.kickoff_ms / 1000, UTC).date()

    def _in_leagues(self, request: Request) -> tuple[Match, ...]:
        leagues = queries.leagues(request.params)
        return self._season.matches if leagues is None or self._league_id in leagues else ()

    def _json(self, match: Match, at: Moment, includes: Collection[str]) -> Json:
        return fixture(self._season, match, at, includes)
