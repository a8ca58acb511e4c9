"""The match server: a season over real HTTP, as the football feed would tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http.client import responses
from urllib.parse import parse_qsl

from ..standin.server import Environ, StandIn, StartResponse
from .control import Advance, Control
from .faults import FaultPlan, Faults
from .feed import Feed, Request
from .matches import Season
from .quota import Quota
from .replies import Reply, json_reply

PREFIX = "/v3/football"
CONTROL = "/_ctl/"
LONGEST_BODY = 1 << 20  #: bytes of a control request
#: The feed's largest plan, an hour and entity: an ordinary reader never meets it.
HOURLY_LIMIT = 5000


class MatchServer(StandIn):
    """Serves *season* at the calendar's now; runs on gevent.

    Args:
        season: what is played.
        calendar: now in ms, for instance a `WarpClock`.
        port: 0 takes a free one.
        token: required of every request, in the header or as `api_token`; None: none.
        hourly_limit: requests an entity and calendar hour.
        advance: moves the calendar on by so many ms; None: it cannot be moved.
    """

    def __init__(
        self,
        season: Season,
        calendar: Callable[[], int],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        hourly_limit: int = HOURLY_LIMIT,
        advance: Advance | None = None,
    ) -> None:
        super().__init__(host, port)
        self._faults = Faults(self._stopping.wait, calendar)
        self._feed = Feed(season, calendar, self._faults, Quota(hourly_limit, calendar), token)
        self._control = Control(calendar, advance, self._faults)

    @property
    def base_url(self) -> str:
        """What a client of the feed takes as its base."""
        return f"{self.url}{PREFIX}"

    def follow(self, plan: FaultPlan) -> None:
        """Let go wrong what *plan* says, from now on."""
        self._faults.follow(plan)

    def _application(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        reply = self._answer(environ)
        start_response(
            f"{reply.status} {responses.get(reply.status, 'Unknown')}",
            [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body)))],
        )
        return [reply.body]

    def _answer(self, environ: Environ) -> Reply:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        request = Request(
            path=path.removeprefix(PREFIX),
            url=f"http://{environ.get('HTTP_HOST', self._address[0])}{path}",
            params=dict(parse_qsl(environ["QUERY_STRING"])),
            authorization=environ.get("HTTP_AUTHORIZATION"),
        )
        if path.startswith(CONTROL):
            if not self._feed.admits(request):
                return json_reply({"message": "Unauthenticated."}, 401)
            return self._control.answer(method, path, environ["wsgi.input"].read(LONGEST_BODY))
        if not path.startswith(PREFIX + "/"):
            return json_reply({"message": "The requested endpoint does not exist."}, 404)
        if method != "GET":
            return json_reply({"message": f"The {method} method is not supported."}, 405)
        url = f"{path}?{environ['QUERY_STRING']}"
        return self._faults.answer(request.path, url, lambda: self._feed.answer(request))
