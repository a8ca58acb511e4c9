"""Whatever a feed has said, and however it failed: once it tells the truth, only that counts.

A match is played twice over the real wire format, looked at at the same instants: once by a feed
that lies and fails, and once by one that does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from touchline.matchserver.faults import FaultPlan, RequestFault
from touchline.matchserver.lies import AnyLie, FalseScore, FalseState, Gone, Phantom, Vanish
from touchline.matchserver.matches import Match, make_season
from touchline.matchserver.season import generate_season
from touchline.matchserver.states import STATES

from tests.fakes.stadium import Stadium
from tests.matchserver.match_days import long_final

MATCHES = (long_final(), *(generate_season(seed, clubs=2).matches[0] for seed in (2, 5, 9)))
STATE_NAMES = [state.developer_name for state in STATES] + ["ROOF_CLOSED"]
RESULTS = frozenset({"FT", "AET", "FT_PEN"})
KINDS = ["status", "truncate", "garbage", "mistype", "empty", "freeze", "hang"]

#: A false result, or a false score of a true one, is taken for true once it has stood for 120 s,
#: as it was said and in a frozen body together.
SHORT_MS = 50_000
PATIENCE_MS = 65_000  #: the longest anybody waits after a failure: a 429 that does not say
RESTS_MS = 12_000
HOUR_MS = 3_600_000
REVIEWED_MIN = 200  #: a settled match is asked for every hour at the least, and has to stand then


@dataclass(frozen=True)
class Story:
    """A match, what is said of it, and when it is looked at; *troubles* come before a look."""

    match: Match
    lies: tuple[AnyLie, ...]
    looks_ms: tuple[int, ...]
    troubles: tuple[RequestFault | str | None, ...]

    @property
    def true_from_ms(self) -> int:
        return max([self.match.kickoff_ms, *(lie.to_ms for lie in self.lies), *self.looks_ms])


@st.composite
def lies(draw: st.DrawFn, match: Match) -> tuple[AnyLie, ...]:
    told: list[AnyLie] = []
    for shape in draw(st.lists(st.sampled_from(["vanish", "state", "goal", "red"]), max_size=5)):
        length_ms = match.final_whistle_ms - match.kickoff_ms
        from_ms = match.kickoff_ms + draw(st.integers(-600_000, length_ms))
        last_ms = match.final_whistle_ms + SHORT_MS
        to_ms = min(from_ms + draw(st.integers(1_000, length_ms)), last_ms)
        match shape:
            case "vanish":
                told.append(Vanish(match.id, from_ms, to_ms))
            case "state":
                state = draw(st.sampled_from(STATE_NAMES))
                if state in RESULTS:
                    if any(isinstance(lie, FalseState) and lie.state in RESULTS for lie in told):
                        continue
                    to_ms = min(to_ms, from_ms + SHORT_MS)
                told.append(FalseState(match.id, from_ms, to_ms, state))
            case _:
                side = draw(st.sampled_from(["home", "away"]))
                told.append(Phantom(match.id, from_ms, to_ms, shape, side))
    return tuple(told)


FAULTS = st.builds(
    RequestFault,
    kind=st.sampled_from(KINDS),
    times=st.integers(1, 3),
    status=st.sampled_from([401, 404, 429, 500, 503]),
    seconds=st.just(0.01),
)
TROUBLES = st.none() | st.none() | FAULTS | st.just("restart")


@st.composite
def long_lies(draw: st.DrawFn, match: Match) -> tuple[AnyLie, ...]:
    """Anything for any time, false results and false scores of true ones too."""
    told: list[AnyLie] = []
    length_ms = match.final_whistle_ms - match.kickoff_ms
    for shape in draw(st.lists(st.sampled_from(["gone", "state", "score", "red"]), max_size=4)):
        from_ms = match.kickoff_ms + draw(st.integers(-600_000, length_ms + HOUR_MS))
        to_ms = from_ms + draw(st.integers(1_000, HOUR_MS))
        side = draw(st.sampled_from(["home", "away"]))
        match shape:
            case "gone":
                told.append(Gone(match.id, from_ms, to_ms))
            case "state":
                told.append(
                    FalseState(match.id, from_ms, to_ms, draw(st.sampled_from(STATE_NAMES)))
                )
            case "score":
                told.append(FalseScore(match.id, from_ms, to_ms, side))
            case _:
                told.append(Phantom(match.id, from_ms, to_ms, "red", side))
    return tuple(told)


@st.composite
def stories(draw: st.DrawFn, lies: Any = lies) -> Story:
    match = draw(st.sampled_from(MATCHES))
    told = draw(lies(match))
    gaps_s = draw(st.lists(st.sampled_from([2, 10, 60, 300, 900]), min_size=10, max_size=40))
    looks = tuple(match.kickoff_ms - 60_000 + 1000 * at_s for at_s in accumulate(gaps_s))
    troubles = draw(st.lists(TROUBLES, min_size=len(looks), max_size=len(looks)))
    return Story(match, told, looks, tuple(troubles))


class Telling:
    """One run of a story on empty stores, honest or not."""

    def __init__(self, stores: Any, story: Story, *, honest: bool) -> None:
        self._story = story
        self.stadium = Stadium(*stores(), make_season("Cup", [story.match]), 1)
        self.look(0)  # so that it is listed
        lies = () if honest else story.lies
        troubles = [None] * len(story.looks_ms) if honest else story.troubles
        self.stadium.server.follow(FaultPlan(lies=lies))
        for at_ms, trouble in zip(story.looks_ms, troubles, strict=True):
            if isinstance(trouble, RequestFault):
                fault = replace(trouble, from_ms=at_ms, to_ms=at_ms + SHORT_MS)
                self.stadium.server.follow(FaultPlan(requests=(fault,), lies=lies))
            elif trouble == "restart":
                self.stadium.restart()
            self.look(at_ms)
        self.stadium.server.follow(FaultPlan(lies=lies))

    def look(self, at_ms: int) -> None:
        self.stadium.calendar.advance_to(at_ms)
        self.stadium.poll(steps=0)

    def indices(self) -> dict[str, int]:
        return {i.symbol: i.index_px for i in self.stadium.hot.instruments()}

    def market(self) -> dict[str, Any]:
        return {
            i.symbol: (i.index_px, i.base_px, i.offset_bps, i.phase, i.halt)
            for i in self.stadium.hot.instruments()
        }

    def ratings(self) -> list[Any]:
        with self.stadium.pg.transaction() as cursor:
            cursor.execute("SELECT id, rating FROM teams ORDER BY id")
            return list(cursor.fetchall())

    def told(self) -> list[Any]:
        """What the market was, once everything said was true, and in the end."""
        over_ms = self._story.match.final_whistle_ms
        at_ms = self._story.true_from_ms + PATIENCE_MS
        found: list[Any] = []
        # What was seen to be over is looked at again two minutes later, and is halted until then.
        for look_ms, seen in ((at_ms, self.indices), (at_ms + RESTS_MS, self.market)):
            self.look(look_ms)
            found.append(seen() if look_ms < over_ms else None)
        return [*found, *self.end(max(at_ms, over_ms), minutes=7)]

    def end(self, from_ms: int, minutes: int) -> list[Any]:
        """What everything is after so many looks, a minute apart, from an instant on."""
        for minute in range(minutes):
            self.look(from_ms + 61_000 * (minute + 1))
        self.stadium.server.stop()
        return [self.market(), self.ratings(), self.stadium.settled()]


@settings(max_examples=12)
@given(story=stories())
def test_once_the_feed_tells_the_truth_the_market_is_what_it_would_have_been(
    stores: Any, story: Story
) -> None:
    lied_to = Telling(stores, story, honest=False).told()
    honest = Telling(stores, story, honest=True).told()

    assert lied_to == honest
    assert len(honest[-1]) == 1  # it was settled


@settings(max_examples=10)
@given(story=stories(long_lies))
def test_a_result_that_was_settled_to_a_lie_is_put_right(stores: Any, story: Story) -> None:
    """However long it was told: in the end the market is what it would have been."""
    over_ms = max(story.true_from_ms, story.match.final_whistle_ms) + PATIENCE_MS
    lied_to = Telling(stores, story, honest=False).end(over_ms, REVIEWED_MIN)
    honest = Telling(stores, story, honest=True).end(over_ms, REVIEWED_MIN)

    assert lied_to == honest
    assert len(honest[-1]) == 1
