"""Bots in the stores: who they are, which matches are on, what they have gained, what waits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis.exceptions
from touchline.domain.bot_views import Match
from touchline.domain.bots import ROSTER, Bot
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.ticks import IndexChange
from touchline.store.bot_books import BotBooks, Gains
from touchline.store.bot_market import BotMarket
from touchline.store.bot_switch import BotSwitch, Permission, Stale, Switched
from touchline.store.commands import Accepted, AcceptOrder, CreditCommand, Delayed
from touchline.store.order_kinds import order_from
from touchline.store.postgres import Postgres
from touchline.store.start_balance import START_BALANCE_E4
from touchline.store.users import Users
from touchline.store.worth import Worth

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import AT_MS, leave_ids_to

pytestmark = pytest.mark.external

DAY_MS = 86_400_000
FEED = "the feed"
PLAYING = {"phase": "live", "settled_at": None, "voided_at": None}


@pytest.fixture(autouse=True)
def numbers(pg: Postgres) -> None:
    leave_ids_to(pg, 100)


@pytest.fixture
def market(books: Books) -> BotMarket:
    return BotMarket(books.redis, books.keys, books.hot, books.scripts)


def worth(books: Books, user: UserId) -> Worth:
    found = books.hot.portfolio(user)
    return Worth(user, found.equity_e4, found.wallet.version)


def fixture(books: Books, number: int, **changes: object) -> None:
    """A match of clubs 7 and 8, in play unless *changes* say otherwise."""
    row = PLAYING | {"starting_at": "2026-10-24T14:00:00Z"} | changes
    books.rows("INSERT INTO teams (id, name) VALUES (70, 'a'), (80, 'b') ON CONFLICT DO NOTHING")
    books.rows("UPDATE instruments SET team_id = idx * 10")
    books.rows(
        "INSERT INTO fixtures (id, home_team_id, away_team_id, starting_at, state, phase, minute,"
        " settled_at, voided_at, updated_at) VALUES (%s, 70, 80, %s, 's', %s, 31, %s, %s, now())",
        (number, row["starting_at"], row["phase"], row["settled_at"], row["voided_at"]),
    )


def test_bots_are_made_once_and_known_by_themselves_from_then_on(books, pg):
    first = BotBooks(pg).enrol()

    assert BotBooks(pg).enrol() == first
    assert [each.display_name for each in BotBooks(pg).enrolled()] == [
        "bot:mm-1",
        "bot:noise-1",
        "bot:noise-2",
        "bot:momentum-1",
    ]
    assert books.rows("SELECT count(*) FROM users WHERE is_bot") == [(len(ROSTER),)]


def test_one_more_bot_leaves_the_others_who_they_are(pg):
    first = BotBooks(pg).enrol()

    more = BotBooks(pg).enrol((*ROSTER, Bot(ROSTER[0].kind, 2)))

    assert {bot: more[bot] for bot in ROSTER} == first


def test_nobody_signs_in_as_a_bot_before_or_after_it_is_made(pg):
    users = Users(pg)

    before = [users.sign_in(bot.email.upper()) for bot in ROSTER]
    BotBooks(pg).enrol()
    after = [users.sign_in(bot.email) for bot in ROSTER]

    assert before == after == [None] * len(ROSTER)


def test_a_bot_under_another_address_is_not_signed_in_either(books, pg):
    BotBooks(pg).enrol()
    books.rows("UPDATE users SET email = 'mm@example.com' WHERE display_name = 'bot:mm-1'")

    assert Users(pg).sign_in("mm@example.com") is None


def test_a_name_that_somebody_has_got_by_other_means_is_said(books, pg):
    books.rows("UPDATE users SET display_name = 'bot:mm-1' WHERE id = 1")

    with pytest.raises(RuntimeError, match="mm-1"):
        BotBooks(pg).enrol()


def test_a_bot_begins_with_what_people_begin_with_once(books, market, pg):
    user = BotBooks(pg).enrol()[ROSTER[0]]

    market.endow(user, AT_MS)
    market.endow(user, AT_MS + 1)

    assert books.hot.wallet(user).cash_e4 == START_BALANCE_E4
    assert books.drain().everything().complete
    assert books.rows("SELECT kind, idem_key FROM wallet_ledger WHERE user_id = %s", (user,)) == [
        ("grant", f"grant:start:{user}")
    ]


@pytest.mark.parametrize(
    ("changes", "on"),
    [
        ({}, True),
        ({"phase": "break"}, True),
        ({"phase": "shootout"}, False),
        ({"phase": "finished"}, False),
        ({"phase": "scheduled"}, False),
        ({"settled_at": "2026-10-24T16:00:00Z"}, False),
        ({"voided_at": "2026-10-24T16:00:00Z"}, False),
    ],
)
def test_matches_that_are_on_are_those_in_play(books, pg, changes, on):
    fixture(books, 5, **changes)

    found = BotBooks(pg).ground().matches

    assert found == ((Match(5, InstrumentIdx(7), InstrumentIdx(8), 31),) if on else ())


def test_of_two_matches_the_earlier_comes_first(books, pg):
    fixture(books, 5)
    fixture(books, 6, starting_at="2026-10-24T13:00:00Z")

    assert [each.fixture for each in BotBooks(pg).ground().matches] == [6, 5]


def test_bots_that_are_suspended_are_not_active_and_people_never_are(books, pg):
    users = BotBooks(pg).enrol()
    books.rows("UPDATE users SET status = 'suspended' WHERE id = %s", (users[ROSTER[0]],))

    assert BotBooks(pg).ground().active == {users[bot] for bot in ROSTER[1:]}


def test_the_switch_is_on_until_somebody_turns_it_and_knows_its_version(pg):
    switch = BotSwitch(pg)
    assert switch.present() == Permission()

    off = switch.set(False, "a drill", 0, AT_MS)

    assert isinstance(off, Switched)
    assert switch.present() == off.after == Permission(False, "a drill", AT_MS, off.after.version)
    assert BotBooks(pg).ground().enabled is False
    assert isinstance(switch.set(True, "", 0, AT_MS), Stale)
    assert isinstance(switch.set(True, "", off.after.version, AT_MS), Switched)
    assert BotBooks(pg).ground().enabled is True


def test_a_gain_is_counted_from_the_first_look_of_the_day_and_ever(books, pg):
    bots = BotBooks(pg)
    first = worth(books, 1)
    assert bots.gains([first], AT_MS) == {1: Gains(None, 0)}

    bots.open_day(0, [first], AT_MS)
    richer = replace(first, equity_e4=first.equity_e4 + 70)
    bots.open_day(0, [richer], AT_MS)  # it has been opened: this changes nothing

    assert bots.gains([richer], AT_MS) == {1: Gains(70, 70)}
    assert bots.gains([richer], AT_MS + DAY_MS) == {1: Gains(None, 70)}
    bots.open_day(0, [richer], AT_MS + DAY_MS)
    assert bots.gains([richer], AT_MS + DAY_MS) == {1: Gains(0, 70)}


@pytest.mark.parametrize("amount_e4", [5_000, -5_000])
def test_what_the_house_gives_or_takes_is_neither_gain_nor_loss(books, pg, amount_e4):
    bots = BotBooks(pg)
    bots.open_day(0, [worth(books, 1)], AT_MS)

    credit = CreditCommand(
        "01920000-0000-7000-8000-000000000001", 1, "adjustment", amount_e4, "a:1", "", AT_MS
    )
    books.scripts.wallet_credit(credit)
    books.drain().everything()

    assert bots.gains([worth(books, 1)], AT_MS) == {1: Gains(0, 0)}


def test_a_day_is_not_opened_by_what_was_read_in_a_life_that_is_over(books, pg):
    books.rows("INSERT INTO fence (name, token) VALUES ('redis', 9)")

    with pytest.raises(redis.exceptions.ConnectionError):
        BotBooks(pg).open_day(8, [worth(books, 1)], AT_MS)

    assert books.rows("SELECT count(*) FROM bot_days") == [(0,)]


def test_what_waits_is_known_by_owner_and_club(books, market):
    books.redis.set(FEED, FEED)
    books.scripts.index_apply(IndexChange(idx=7, now_ms=AT_MS, phase="live"), FEED, FEED)
    command = replace(books.command(user=1, idx=7), delay_ms=5_000)
    (delayed,) = books.scripts.execute([command])
    assert isinstance(delayed, Delayed)
    (accepted,) = books.scripts.execute([AcceptOrder(order_from(command, delayed))])
    assert isinstance(accepted, Accepted)

    assert market.waiting([1, 2]) == {1: frozenset({7}), 2: frozenset()}


def test_a_trail_is_the_last_of_the_feeds_ticks_between_those_of_trades(books, market):
    books.redis.set(FEED, FEED)
    for number in range(8):
        change = IndexChange(idx=7, now_ms=AT_MS + number, offset_bps=number)
        books.scripts.index_apply(change, FEED, FEED)
        books.trade(1, 7)

    trails = market.trails([7, 8], AT_MS)

    assert market.trails([7], AT_MS + 6)[7] == (1_000_600, 1_000_700)
    assert trails == {7: tuple(1_000_000 + 100 * number for number in range(2, 8)), 8: ()}
