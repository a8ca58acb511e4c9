"""The steps of a draw: promised before, drawn as promised, paid once whatever dies in between."""

from __future__ import annotations

import psycopg2
import pytest
import redis as redis_module
from touchline.domain.leaderboard import week_of
from touchline.domain.spinner import WHEEL, Wheel, commitment, draw, drawn_from_ms
from touchline.store.draws import Draws, Status
from touchline.store.fence import Fence, Fenced
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.seals import Sealer
from touchline.store.spinner_rounds import SpinnerRounds
from touchline.store.spins import Hindrance

from tests.fakes.bookkeeping import START_E4, Books
from tests.fakes.facts import AT_MS
from tests.fakes.failing import Countdown, Killed
from tests.fakes.snapshots import put, take
from tests.fakes.spinning import SECRET, credited, freeze, prizes, spins, statuses

pytestmark = pytest.mark.external

WEEK = week_of(AT_MS)
NEXT = week_of(WEEK.ends_ms)
MONDAY_MS = drawn_from_ms(WEEK)


def promised(books: Books, users: tuple[int, ...] = (1, 2, 3)) -> Books:
    """The week's seed is promised within it, and its board is final."""
    assert spins(books).promise(AT_MS) == [WEEK, NEXT]
    freeze(books.pg, WEEK, users)
    return books


def seed_of(books: Books) -> bytes:
    """The seed that is kept for the week."""
    [(sealed,)] = books.rows(
        "SELECT sealed_seed FROM spinner_rounds WHERE iso_week = %s", (WEEK.name,)
    )
    seed = Sealer(SECRET).open(bytes(sealed), WEEK.name)  # type: ignore[call-overload]
    assert seed is not None
    return bytes(seed)


def balances(books: Books) -> dict[int, int]:
    return {user: books.hot.wallet(user).cash_e4 for user in books.users}


def with_prizes(books: Books) -> dict[int, int]:
    """What everybody has who started with what they were given, and won what they did."""
    won = prizes(books, WEEK)
    return {user: START_E4 + won.get(user, 0) for user in books.users}


def test_seeds_are_promised_for_this_week_and_the_next_and_only_once(books: Books) -> None:
    first = spins(books).promise(AT_MS)
    again = spins(books).promise(AT_MS)

    assert (first, again) == ([WEEK, NEXT], [])
    assert statuses(books) == {WEEK.name: "open", NEXT.name: "open"}
    found = Draws(books.pg).read(WEEK)
    assert found is not None
    assert found.commit == commitment(seed_of(books))
    assert (found.committed_ms, found.seed, found.drawn_ms) == (AT_MS, None, None)
    assert spins(books).promise(WEEK.ends_ms) == [week_of(NEXT.ends_ms)]


def test_a_week_is_drawn_with_the_promised_seed_paid_and_announced(books: Books) -> None:
    promised(books)
    seed = seed_of(books)

    assert spins(books).run(WEEK, MONDAY_MS) is None

    draws = Draws(books.pg)
    found = draws.read(WEEK)
    assert found is not None
    assert (found.status, found.seed, found.drawn_ms) == (Status.ANNOUNCED, seed, MONDAY_MS)
    wanted = draw(seed, WEEK, draws.board(WEEK), WHEEL)
    assert [(won.number, won.user, won.segment, won.amount_e4) for won in draws.winners(WEEK)] == [
        (each.number, each.user, each.segment, each.amount_e4) for each in wanted
    ]
    assert [(user, amount) for user, amount, _ in credited(books)] == [
        (each.user, each.amount_e4) for each in wanted
    ]
    assert balances(books) == with_prizes(books)
    books.drain().everything()
    assert reconcile(books.redis, books.keys, books.pg).ok


def test_nothing_is_drawn_before_monday_or_on_a_board_that_is_not_final(books: Books) -> None:
    steps = spins(books)
    steps.promise(AT_MS)

    assert steps.run(WEEK, MONDAY_MS) is Hindrance.NOT_FINAL
    freeze(books.pg, WEEK, (1,))
    assert steps.run(WEEK, MONDAY_MS - 1) is Hindrance.EARLY
    assert statuses(books)[WEEK.name] == "open"
    assert steps.run(WEEK, MONDAY_MS) is None


def test_a_week_that_nobody_played_is_on_record_without_winners(books: Books) -> None:
    promised(books, ())

    assert spins(books).run(WEEK, MONDAY_MS) is None

    assert statuses(books)[WEEK.name] == "announced"
    assert prizes(books, WEEK) == {}


def test_bots_win_nothing(books: Books) -> None:
    promised(books, (2,))
    freeze(books.pg, WEEK, (1, 3), board="bots")

    spins(books).run(WEEK, MONDAY_MS)

    assert prizes(books, WEEK).keys() == {2}


def test_a_week_that_nothing_was_promised_for_is_promised_late_and_drawn(books: Books) -> None:
    freeze(books.pg, WEEK, (1, 2))

    assert spins(books).run(WEEK, MONDAY_MS) is None

    found = Draws(books.pg).read(WEEK)
    assert found is not None
    assert found.committed_ms == MONDAY_MS > WEEK.ends_ms
    assert found.status is Status.ANNOUNCED


def test_what_is_on_the_wheel_is_what_was_when_it_was_promised(books: Books) -> None:
    wheel = Wheel(1, (70_000,))
    spins(books, but={"wheel": wheel}).promise(AT_MS)
    freeze(books.pg, WEEK, (1, 2, 3))

    spins(books).run(WEEK, MONDAY_MS)

    assert list(prizes(books, WEEK).values()) == [70_000]


def test_a_draw_is_never_drawn_again(books: Books) -> None:
    promised(books)
    spins(books).run(WEEK, MONDAY_MS)
    before = prizes(books, WEEK)

    rounds = SpinnerRounds(books.pg)
    assert not rounds.draw(WEEK, seed_of(books), MONDAY_MS)
    assert spins(books).run(WEEK, MONDAY_MS + 1) is None
    assert (prizes(books, WEEK), len(credited(books))) == (before, len(before))


def test_no_other_seed_than_the_promised_one_draws(books: Books) -> None:
    promised(books)

    assert not SpinnerRounds(books.pg).draw(WEEK, b"\x00" * 32, MONDAY_MS)
    sealed = Sealer(SECRET).seal(b"\x00" * 32, WEEK.name)
    books.rows(
        "UPDATE spinner_rounds SET sealed_seed = %s WHERE iso_week = %s", (sealed, WEEK.name)
    )

    assert spins(books).run(WEEK, MONDAY_MS) is Hindrance.BROKEN
    assert statuses(books)[WEEK.name] == "open"


def test_a_seed_that_cannot_be_opened_holds_its_week_up_and_is_never_replaced(books: Books) -> None:
    promised(books)
    before = books.rows("SELECT commit_hash, sealed_seed FROM spinner_rounds ORDER BY iso_week")
    other = spins(books, secret=b"o" * 32)

    assert other.promise(AT_MS) == []
    assert other.run(WEEK, MONDAY_MS) is Hindrance.SEALED

    after = books.rows("SELECT commit_hash, sealed_seed FROM spinner_rounds ORDER BY iso_week")
    assert [tuple(map(bytes, row)) for row in after] == [tuple(map(bytes, row)) for row in before]  # type: ignore[arg-type]


def test_with_a_new_key_seeds_are_sealed_anew_while_the_old_one_is_known(books: Books) -> None:
    promised(books)
    new = b"n" * 32

    for each in spins(books, SECRET, secret=new).unfinished():
        spins(books, SECRET, secret=new).step(each, AT_MS)

    assert spins(books).run(WEEK, MONDAY_MS) is Hindrance.SEALED  # the old one opens it no more
    assert spins(books, secret=new).run(WEEK, MONDAY_MS) is None


def test_whoever_was_taken_over_from_neither_promises_nor_draws(books: Books) -> None:
    promised(books)
    late, present = Fence(books.pg, "spinner"), Fence(books.pg, "spinner")
    for fence in (late, present):
        fence.take()
    with books.pg.transaction() as cursor:
        present.show(cursor)
    [each, _] = spins(books).unfinished()

    with pytest.raises(Fenced):
        spins(books).step(each, MONDAY_MS, late)
    with pytest.raises(Fenced):
        spins(books).promise(WEEK.ends_ms, late)

    assert statuses(books) == {WEEK.name: "open", NEXT.name: "open"}


def test_a_prize_that_the_ledger_refuses_for_now_is_paid_all_the_same(books: Books) -> None:
    promised(books)
    books.rows("ALTER TABLE wallet_ledger ADD CONSTRAINT never CHECK (kind <> 'prize')")
    try:
        assert spins(books).run(WEEK, MONDAY_MS) is None
    finally:
        books.rows("ALTER TABLE wallet_ledger DROP CONSTRAINT never")

    assert statuses(books)[WEEK.name] == "announced"
    assert books.rows("SELECT count(*) FROM trade_outbox") == [(3,)]
    assert balances(books) == with_prizes(books)


def test_nothing_is_announced_before_the_ledger_has_every_prize(books: Books) -> None:
    promised(books)

    class Asleep:
        """A way to the ledger that nothing goes."""

        def facts(self) -> None:
            pass

    steps = spins(books, but={"drain": Asleep()})

    assert steps.run(WEEK, MONDAY_MS) is Hindrance.UNPAID
    assert statuses(books)[WEEK.name] == "drawn"
    assert Draws(books.pg).last() is None
    found = Draws(books.pg).read(WEEK)
    assert found is not None
    assert found.seed is None
    books.drain().everything()
    assert steps.run(WEEK, MONDAY_MS) is None
    assert balances(books) == with_prizes(books)


def test_a_key_that_redis_alone_forgot_pays_nothing_twice(books: Books) -> None:
    """As if somebody had deleted it: nothing is behind, so nothing is put back."""
    promised(books)
    steps, rounds = spins(books), SpinnerRounds(books.pg)
    rounds.draw(WEEK, seed_of(books), MONDAY_MS)
    [each, _] = steps.unfinished()
    steps.step(each, MONDAY_MS)
    books.rows("UPDATE spinner_results SET credited_at = NULL")
    books.rows("UPDATE spinner_rounds SET status = 'drawn' WHERE iso_week = %s", (WEEK.name,))
    for key in books.redis.scan_iter(books.keys.idem("*", "spin:*")):  # type: ignore[arg-type]
        books.redis.delete(key)

    assert steps.run(WEEK, MONDAY_MS) is None

    assert balances(books) == with_prizes(books)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("lost", ["nothing", "newest", "everything"])
def test_whatever_dies_and_whatever_redis_loses_each_prize_is_paid_once(
    stores: object, after: bool, lost: str
) -> None:
    """Killed at each step there is, before it and after it; then somebody else goes on."""
    step = 0
    while True:
        step += 1
        redis, pg = stores()  # type: ignore[operator]
        books = Books(redis, pg)
        rehydrate(redis, books.keys, pg)
        books.drain().everything()
        promised(books)
        snapshot, countdown = take(redis), Countdown(step, after=after)
        mortal = spins(
            books,
            but={
                "rounds": countdown.guard(SpinnerRounds(pg)),
                "credits_": countdown.guard(books.scripts),
                "drain": countdown.guard(books.drain()),
            },
        )
        try:
            mortal.run(WEEK, MONDAY_MS)
            died = False
        except Killed:
            died = True
        lose(books, lost, snapshot)

        assert spins(books).run(WEEK, MONDAY_MS) is None

        assert statuses(books)[WEEK.name] == "announced"
        assert balances(books) == with_prizes(books)
        assert len(credited(books)) == 3
        books.drain().everything()
        assert reconcile(redis, books.keys, pg).ok
        if not died:
            break
    assert step > 10


def lose(books: Books, what: str, snapshot: object) -> None:
    """Redis restarts, as it was before the draw or without anything, and is put back."""
    if what == "nothing":
        return
    books.redis.flushdb()
    if what == "newest":
        put(books.redis, snapshot)  # type: ignore[arg-type]
    books.redis.set(books.keys.meta("run_id"), "the one before")
    rehydrate(books.redis, books.keys, books.pg)


@pytest.mark.parametrize(
    "outage",
    [psycopg2.OperationalError("away"), redis_module.ConnectionError("away")],
    ids=["postgres", "redis"],
)
def test_an_outage_in_the_middle_is_gone_on_from(books: Books, outage: Exception) -> None:
    promised(books)

    class Failing:
        """Pays the first prize and no more."""

        paid = 0

        def wallet_credit(self, command: object) -> object:
            if self.paid:
                raise outage
            self.paid += 1
            return books.scripts.wallet_credit(command)  # type: ignore[arg-type]

    with pytest.raises(type(outage)):
        spins(books, but={"credits_": Failing()}).run(WEEK, MONDAY_MS)

    assert spins(books).run(WEEK, MONDAY_MS) is None
    assert balances(books) == with_prizes(books)
