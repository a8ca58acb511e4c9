"""What is known of a club beside its present price: where it plays, and where it came from.

Source: docs/protocol.md, "Instruments, quotes and ticks".
"""

from dataclasses import dataclass

from .clock import rfc3339
from .fixtures import Club
from .halts import Phase
from .position_views import View

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class NextFixture:
    """The match that a club plays now, or next; the kick-off in calendar ms."""

    id: int
    league: str | None
    kickoff_ms: int
    phase: Phase
    side: str  #: `home` or `away`
    opponent: Club


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of one club.

    Attributes:
        leagues: names of all that it has matches in.
        league_ids: the feed's numbers of these.
        day_ago_px: the mid a day ago, or the first there was; None before the first.
    """

    leagues: tuple[str, ...] = ()
    league_ids: tuple[int, ...] = ()
    day_ago_px: int | None = None
    next_fixture: NextFixture | None = None

    def plays_in(self, league: str) -> bool:
        """Whether it has matches in *league*, a name or the feed's number of it."""
        return league in self.leagues or league in map(str, self.league_ids)


UNKNOWN = Outlook()


def outlook_view(outlook: Outlook, mid_px: int) -> View:
    """What is shown of a club whose mid is *mid_px*."""
    then_px, fixture = outlook.day_ago_px, outlook.next_fixture
    return {
        "change_24h": None if then_px is None else change_pct(mid_px, then_px),
        "leagues": list(outlook.leagues),
        "next_fixture": None if fixture is None else _fixture_view(fixture),
    }


def change_pct(now_px: int, then_px: int) -> str:
    """How much a price has changed, in percent with 2 decimals; halves are rounded away from 0."""
    hundredths, rest = divmod(abs(now_px - then_px) * 10_000, then_px)
    hundredths += 2 * rest >= then_px
    sign = "-" if now_px < then_px and hundredths else ""
    return f"{sign}{hundredths // 100}.{hundredths % 100:02d}"


def _fixture_view(fixture: NextFixture) -> View:
    club = fixture.opponent
    return {
        "id": fixture.id,
        "league": fixture.league,
        "starting_at": rfc3339(fixture.kickoff_ms),
        "phase": fixture.phase.value,
        "side": fixture.side,
        "opponent": {"idx": club.idx, "symbol": club.symbol, "name": club.name},
    }
