"""Stories around the ends of weeks: frozen at once or late, the boards are those of a twin.

The twin looks at Redis after every step, so it knows what everybody had at every instant; the
freezer has the ledger and the candle-roller's prices alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.ids import InstrumentIdx, UserId, uuid7
from touchline.domain.leaderboard import Week, week_of
from touchline.domain.positions import Direction, Position
from touchline.domain.refusals import Refused
from touchline.domain.ticks import IndexChange
from touchline.store.commands import ADJUSTMENT, Credited
from touchline.store.position_commands import Happened
from touchline.store.scripts import CreditCommand, Filled

from tests.fakes.bookkeeping import START_E4, Books
from tests.fakes.facts import AT_MS
from tests.fakes.weeks import Freezing

W43 = week_of(AT_MS)
ENDS = [W43.ends_ms + n * 7 * 86_400_000 for n in range(3)]
USERS, CLUBS = (1, 2, 3), (7, 8)

#: Mostly close around the ends of weeks, in order.
INSTANTS = st.lists(
    st.one_of(
        st.builds(lambda end, by: end + by, st.sampled_from(ENDS), st.integers(-3, 3)),
        st.integers(AT_MS + 1, ENDS[-1] + 10),
    ),
    min_size=5,
    max_size=40,
).map(sorted)
STEPS = st.tuples(
    st.sampled_from(("buy", "buy", "sell", "long", "short", "close", "gift", "index", "drain")),
    st.sampled_from(USERS),
    st.sampled_from(CLUBS),
    st.integers(1, 8),
)


class StoryClock:
    """Both clocks, each moved by itself."""

    def __init__(self) -> None:
        self.ms, self.s = AT_MS, 1000.0

    def calendar(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.s

    def advance(self, seconds: float) -> None:
        """Real time alone: the calendar stands where the story is."""
        self.s += seconds


@dataclass
class Twin:
    """What everybody owned and every price, after each step, by its instant."""

    books: Books
    owned: list[tuple[int, dict[int, Any]]] = field(default_factory=list)
    marks: list[tuple[int, dict[int, int]]] = field(default_factory=list)
    trades: list[tuple[int, int]] = field(default_factory=list)
    gifts: list[tuple[int, int, int]] = field(default_factory=list)

    def note(self, at_ms: int) -> None:
        portfolios = self.books.hot.portfolios([UserId(user) for user in USERS])
        self.owned.append((at_ms, {each.user: each for each in portfolios}))
        self.marks.append(
            (at_ms, {each.idx: each.mark_px for each in self.books.hot.instruments()})
        )

    def equity(self, user: int, at_ms: int) -> int:
        """At the instant *at_ms*: by the last step before it, at the last marks until it."""
        had = [owned for then, owned in self.owned if then < at_ms][-1][user]
        marks = [marks for then, marks in self.marks if then <= at_ms][-1]
        shares = sum(marks[line.idx] * line.holding.qty // 1000 for line in had.lines)
        return had.wallet.cash_e4 + shares + sum(_worth(p.position, marks) for p in had.positions)

    def board(self, week: Week) -> list[tuple[int, int]]:
        """Users and scores of a week, the best first."""
        traded = Counter(user for at, user in self.trades if week.starts_ms <= at < week.ends_ms)
        scores = {user: self._score(user, week) for user, times in traded.items() if times >= 3}
        return sorted(scores.items(), key=lambda each: (-each[1], each[0]))

    def _score(self, user: int, week: Week) -> int:
        given = sum(e4 for at, to, e4 in self.gifts if to == user and _within(at, week))
        opening = START_E4 if week == W43 else self.equity(user, week.starts_ms)
        return self.equity(user, week.ends_ms) - opening - given


def _within(at_ms: int, week: Week) -> bool:
    return week.starts_ms <= at_ms < week.ends_ms


def _worth(position: Position, marks: dict[int, int]) -> int:
    gained = marks[position.idx] * position.qty
    if position.side is Direction.LONG:
        return max(0, position.margin_e4 + gained // 1000 - position.open_value_e4)
    return max(0, position.margin_e4 + position.open_value_e4 + -gained // 1000)


class Story:
    """One exchange on which a story happens."""

    def __init__(self, books: Books) -> None:
        self.books, self.twin, self.clock = books, Twin(books), StoryClock()
        self.positions: list[Position] = []
        self.twin.note(AT_MS)
        lease = books.keys.lease("scheduler")
        books.redis.set(lease, "feed")
        self.lease = lease

    def step(self, at_ms: int, kind: str, user: int, idx: int, size: int) -> None:
        """One thing happens, unless it is refused."""
        self.clock.ms = max(self.clock.ms, at_ms)
        getattr(self, f"_{kind}")(at_ms, user, idx, size)
        self.twin.note(at_ms)

    def _buy(self, at_ms: int, user: int, idx: int, size: int, side: str = "buy") -> None:
        command = replace(self.books.command(user, idx, side, size * 1_000), now_ms=at_ms)
        if isinstance(self.books.scripts.execute([command])[0], Filled):
            self.twin.trades.append((at_ms, user))

    def _sell(self, at_ms: int, user: int, idx: int, size: int) -> None:
        self._buy(at_ms, user, idx, size, "sell")

    def _long(self, at_ms: int, user: int, idx: int, size: int, side: str = "long") -> None:
        command = self.books.open_command(user, idx, side, size * 1_000)
        (outcome,) = self.books.scripts.execute([replace(command, now_ms=at_ms)])
        if isinstance(outcome, Happened):
            self.positions.append(outcome.event.position)
            self.twin.trades.append((at_ms, user))

    def _short(self, at_ms: int, user: int, idx: int, size: int) -> None:
        self._long(at_ms, user, idx, size, "short")

    def _close(self, at_ms: int, user: int, idx: int, size: int) -> None:
        if self.positions:
            position = self.positions.pop(0)
            part = min(position.qty, size * 700)
            command = replace(self.books.close_command(position, part), now_ms=at_ms)
            (outcome,) = self.books.scripts.execute([command])
            if isinstance(outcome, Happened) and outcome.event.position.qty:
                self.positions.append(outcome.event.position)

    def _gift(self, at_ms: int, user: int, idx: int, size: int) -> None:
        amount_e4, gift = (size * 2 - 9) * 1_000_000, uuid7(at_ms)
        credit = CreditCommand(gift, user, ADJUSTMENT, amount_e4, gift, "", at_ms)
        if isinstance(self.books.scripts.wallet_credit(credit), Credited):
            self.twin.gifts.append((at_ms, user, amount_e4))

    def _index(self, at_ms: int, user: int, idx: int, size: int) -> None:
        offset = size * 130 - 500
        change = IndexChange(idx=InstrumentIdx(idx), now_ms=at_ms, offset_bps=offset)
        assert not isinstance(self.books.scripts.index_apply(change, self.lease, "feed"), Refused)

    def _drain(self, at_ms: int, user: int, idx: int, size: int) -> None:
        self.books.drain().facts()


def play(
    stores: Callable[[], tuple[Any, Any]], story: list[tuple[int, Any]], at_once: bool
) -> tuple[Story, list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Have *story* happen, weeks frozen as they end or after all of it; their boards, and weeks."""
    told = Story(Books(*stores()))
    freezing: Any = Freezing(told.books, told.clock)  # type: ignore[arg-type]  # clock enough
    freezing.settle()
    ends = list(ENDS) if at_once else []
    for at_ms, step in story:
        while ends and ends[0] < at_ms:
            told.clock.ms = ends.pop(0)
            freezing.settle()
        told.step(at_ms, *step)
    told.clock.ms = ENDS[-1] + 1_000_000
    freezing.settle()
    return told, freezing.frozen(), freezing.weeks()


@given(INSTANTS, st.data())
@settings(max_examples=25)
def test_a_week_frozen_at_once_or_late_is_the_same_and_what_the_twin_saw(stores, instants, data):
    story = [(at_ms, data.draw(STEPS)) for at_ms in instants]

    told, at_once, weeks = play(stores, story, True)
    _, late, weeks_late = play(stores, story, False)

    expected = [
        (week.name, "people", rank, user, score)
        for week in map(week_of, (end - 1 for end in ENDS))
        for rank, (user, score) in enumerate(told.twin.board(week), start=1)
    ]
    assert at_once == expected
    assert late == expected
    assert weeks == weeks_late
    assert [week[1:] for week in weeks] == [(True, False)] * 3 + [(False, False)]
