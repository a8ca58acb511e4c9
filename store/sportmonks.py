"""A client of Sportmonks football v3 that asks for as little as the exchange needs.

Every answer is either complete or `FeedUnavailable`: refused, too late, cut
off, wrong JSON, and 401 as well as 500, because to the market they are all the
same. An answer that found nothing is a good answer. Only the scheduler decides
when to ask again, so nothing is retried here.

Source: docs/operations.md, "The feed".
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from ..domain.match import MatchSnapshot
from .feed import RateLimited
from .outage import FeedUnavailable
from .sportmonks_body import Envelope, Quota, decode_envelope, match_of
from .sportmonks_pages import SpanPages
from .web import TOTAL_S, Asks, NoAnswer, Web

BODY_MAX = 16 * 2**20  #: bytes; a full matchday with every include stays under 2 MiB
PER_PAGE = 50  #: the most a page may hold
IDS_MAX = 50  #: fixtures asked for by id in one call
RATE_LIMIT_S = 60  #: how long to wait after a 429 that does not say

Query = Mapping[str, str | int]

_PLAYED = "participants;scores;state;events;periods"
_PLANNED = "participants;scores;state;league"


class Sportmonks:
    """The feed at *base_url*; one keep-alive connection, not for concurrent use.

    *token* travels in a header, so that no access log along the way keeps it.
    *leagues* narrows every call to these league ids; empty means all the plan has.
    *total_s* is what one answer may take; *web* is asked instead of the network.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        leagues: Sequence[int] = (),
        *,
        total_s: float = TOTAL_S,
        web: Asks | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": token, "Accept": "application/json"}
        self._filter = ",".join(map(str, leagues))
        self._web = web or Web(total_s=total_s, body_max=BODY_MAX)
        self._quota: Quota | None = None
        self._unreadable = 0

    def list_fixtures(self, start_ms: int, end_ms: int) -> SpanPages:
        """Matches that kick off on the UTC days of *start_ms* to *end_ms*, page by page."""
        return SpanPages(self._planned, start_ms, end_ms)

    def inplay(self) -> tuple[MatchSnapshot, ...]:
        """All matches being played; none is a good answer."""
        return self._matches(self._get("/livescores/inplay", {"include": _PLAYED}))

    def fixtures(self, ids: Sequence[int]) -> tuple[MatchSnapshot, ...]:
        """The matches *ids*; one that the feed does not know is missing from the answer."""
        found: list[MatchSnapshot] = []
        for first in range(0, len(ids), IDS_MAX):
            chosen = ",".join(map(str, ids[first : first + IDS_MAX]))
            query: Query = {"include": _PLAYED, "per_page": PER_PAGE}
            found += self._matches(self._get(f"/fixtures/multi/{chosen}", query))
        return tuple(found)

    def status(self) -> dict[str, int]:
        """Of the last good answer: calls left, when they reset, how much was not understood."""
        status = {"unreadable": self._unreadable}
        if self._quota is not None:
            status["remaining"] = self._quota.remaining
            status["resets_in_s"] = self._quota.resets_in_seconds
        return status

    def _planned(self, start: str, end: str, page: int) -> tuple[tuple[MatchSnapshot, ...], bool]:
        query: Query = {"include": _PLANNED, "per_page": PER_PAGE, "page": page}
        reply = self._get(f"/fixtures/between/{start}/{end}", query)
        more = reply.pagination is not None and reply.pagination.has_more
        return self._matches(reply), more

    def _matches(self, reply: Envelope) -> tuple[MatchSnapshot, ...]:
        if isinstance(reply.data, msgspec.UnsetType):
            return ()
        matches = [match for match in map(match_of, reply.data) if match is not None]
        self._unreadable = len(reply.data) - len(matches)
        # One that is shown twice counts as it was shown last.
        return tuple({match.fixture: match for match in matches}.values())

    def _get(self, path: str, query: Query) -> Envelope:
        if self._filter:
            query = {**query, "filters": f"fixtureLeagues:{self._filter}"}
        status, body = self._fetch(f"{self._base_url}{path}?{urlencode(query)}")
        if status == 429:
            raise RateLimited(_resets_in_s(body))
        if status != 200:
            raise FeedUnavailable(f"HTTP {status} from {path}")
        reply = _decoded(body)
        # Nothing found comes as 200 with a message in place of the data.
        if isinstance(reply.data, msgspec.UnsetType) and reply.message is None:
            raise FeedUnavailable(f"neither data nor message from {path}")
        self._quota = reply.rate_limit
        return reply

    def _fetch(self, url: str) -> tuple[int, bytes]:
        try:
            answer = self._web.get(url, self._headers)
        except NoAnswer as why:
            raise FeedUnavailable(str(why)) from why
        return answer.status, answer.body


def _decoded(body: bytes) -> Envelope:
    try:
        return decode_envelope(body)
    except msgspec.DecodeError as error:
        raise FeedUnavailable(f"malformed answer: {error}") from error


def _resets_in_s(body: bytes) -> int:
    try:
        quota = decode_envelope(body).rate_limit
    except msgspec.DecodeError:
        quota = None
    return max(1, quota.resets_in_seconds) if quota is not None else RATE_LIMIT_S
