"""Rehydration of positions: open ones come back where they belong, closed ones stay closed."""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.positions import CloseReason
from touchline.domain.refusals import Refusal
from touchline.store.life import EPOCH_BITS
from touchline.store.position_calls import follow_call, restore_call, script
from touchline.store.position_commands import FollowCommand, HappenedBefore, PositionKey
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate

from tests.fakes.bookkeeping import Books
from tests.fakes.failing import Countdown, Killed

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    """Books with open and closed positions, everything in Postgres."""
    books = Books(redis, pg)
    books.some_trades()
    books.some_positions()
    assert books.drain().everything().complete
    return books


def restored(books):
    return rehydrate(books.redis, books.keys, books.pg)


def assert_proved(books):
    assert books.drain().everything().complete
    report = reconcile(books.redis, books.keys, books.pg)
    assert report.ok, report.as_text()
    assert books.differences() == []


def snapshot(books):
    return {key: books.redis.dump(key) for key in books.redis.scan_iter()}


def go_back(books, moment):
    """What a restart leaves that lost its last second: everything as it was at *moment*."""
    books.redis.flushdb()
    for key, dumped in moment.items():
        books.redis.restore(key, 0, dumped)
    books.redis.set(books.keys.meta("run_id"), "the one before")


def check(books, position, warned=False):
    """Note that *position* was checked up to the newest tick; that tick's id and seq."""
    where = PositionKey(position.id, position.user, position.idx)
    ((tick_id, fields),) = books.redis.xrevrange(books.keys.ticks(position.idx), count=1)
    seq = int(fields["s"])
    command = FollowCommand(where, position.version, tick_id, seq, None, warned)
    script("position_follow").run(books.redis, *follow_call(books.keys, command))
    return tick_id, seq


def content(books):
    """Positions without what only versions and checks tell, balances, and all files."""
    skipped = {"version", "checked_tick_id", "checked_seq"}
    positions = [
        {name: getattr(each, name) for name in each.__slots__ if name not in skipped}
        for each in books.positions()
        if each.qty
    ]
    wallets = [(w.cash_e4, w.locked_e4) for w in map(books.hot.wallet, (0, *books.users))]
    clubs = [(club.inventory, club.short_interest) for club in books.hot.instruments()]
    return positions, wallets, clubs, files(books)


def files(books):
    found = {}
    for key in books.redis.scan_iter():
        if key.startswith("open:"):
            found[key] = books.redis.smembers(key)
        elif key.startswith("trig:"):
            found[key] = books.redis.zrange(key, 0, -1, withscores=True)
        elif key.startswith("hold:"):
            exposure = {k: v for k, v in books.redis.hgetall(key).items() if k[0] in "ls"}
            found[key] = {name: qty for name, qty in exposure.items() if qty != "0"}
    return found


def test_an_emptied_redis_has_every_open_position_again_where_it_belongs(books):
    before = content(books)
    books.redis.flushdb()

    restored(books)

    assert content(books) == before
    assert_proved(books)


def test_events_that_are_newer_than_the_rows_of_states_are_not_forgotten(books):
    books.open(user=2, side="short", qty=50)
    books.close(books.open(user=3, idx=8, side="short", qty=70), 20)
    books.trade(user=1, idx=8)
    books.drain().facts()
    before = content(books)
    books.redis.flushdb()

    restored(books)

    assert content(books) == before
    assert_proved(books)


def test_a_closed_position_that_redis_has_forgotten_is_not_put_back(books):
    ended = [position.id for position in books.positions() if not position.qty]
    books.redis.flushdb()

    restored(books)

    assert ended
    assert not any(books.redis.exists(books.keys.pos(each)) for each in ended)


def test_what_redis_has_lost_of_opens_changes_and_closes_is_made_up_for(books):
    open_ones = [position for position in books.positions() if position.qty]
    moment = snapshot(books)
    books.close(open_ones[0])
    books.close(open_ones[1], 100)
    books.restop(open_ones[2], None)
    books.open(user=2, idx=8, side="short", qty=50)
    books.close(books.open(user=3))
    books.drain().everything()
    before = content(books)
    go_back(books, moment)

    restored(books)

    assert content(books) == before
    assert_proved(books)


def test_a_close_that_redis_has_lost_is_not_made_again(books):
    position = next(each for each in books.positions() if each.qty)
    moment = snapshot(books)
    ended = books.close(position)
    books.drain().facts()
    cash_e4 = books.hot.wallet(position.user).cash_e4
    go_back(books, moment)

    restored(books)

    (again,) = books.scripts.execute([books.close_command(position)])
    assert again.code is Refusal.POSITION_CLOSED
    assert books.hot.wallet(position.user).cash_e4 == cash_e4
    (back,) = [each for each in books.positions() if each.id == position.id]
    assert (back.qty, back.reason, back.closed_ms) == (0, CloseReason.CLIENT, ended.closed_ms)
    assert 0 < books.redis.ttl(books.keys.pos(position.id)) <= 604_800
    assert_proved(books)


def test_events_that_are_parked_are_not_forgotten(books):
    books.rows("ALTER TABLE cfd_events ADD CONSTRAINT no_more CHECK (user_id <> 2) NOT VALID")
    try:
        position = next(each for each in books.positions() if each.user == 2 and each.qty)
        books.close(position)
        fresh = books.open(user=2, idx=8)
        retry = books.close_command(fresh, 10)
        part = books.happened(retry)
        books.drain().facts()
        before = content(books)
        assert books.rows("SELECT count(*) FROM position_outbox") == [(3,)]
        books.redis.flushdb()

        restored(books)

        assert content(books) == before
        assert not books.redis.exists(books.keys.pos(position.id))  # over: it may be missing
        (again,) = books.scripts.execute([retry])
        assert (type(again), again.event.position) == (HappenedBefore, part)
    finally:
        books.rows("ALTER TABLE cfd_events DROP CONSTRAINT no_more")


def test_retries_across_the_loss_are_answered_with_the_first_result(books):
    order = books.open_command()
    opened = books.happened(order)
    closing = books.close_command(opened, 400)
    part = books.happened(closing)
    books.drain().facts()
    books.redis.flushdb()
    restored(books)

    first, second = books.scripts.execute([order, closing])

    assert isinstance(first, HappenedBefore)
    assert isinstance(second, HappenedBefore)
    assert (first.event.position, second.event.position) == (opened, part)
    assert books.redis.get(books.keys.coid(1, order.client_order_id)) == opened.id
    assert 0 < books.redis.ttl(books.keys.idem(1, closing.idem_key)) <= 86_400


def test_what_checking_has_moved_comes_back_with_the_row(books):
    position = next(each for each in books.positions() if each.qty)
    tick_id, seq = check(books, position, warned=True)
    books.drain().everything()
    books.redis.flushdb()

    restored(books)

    back = next(each for each in books.positions() if each.id == position.id)
    assert (back.warned, back.checked_tick_id, back.checked_seq) == (True, tick_id, seq)
    assert_proved(books)


def test_ticks_that_are_lost_do_not_leave_a_position_checked_ahead_of_its_prices(books):
    position = next(each for each in books.positions() if each.qty)
    books.rows(
        "UPDATE cfd_positions SET checked_seq = checked_seq + 1000, checked_tick_id = '9-9'"
        " WHERE id = %s",
        (position.id,),
    )
    books.redis.flushdb()

    restored(books)

    back = next(each for each in books.positions() if each.id == position.id)
    club = books.hot.instrument(position.idx)
    assert (back.checked_seq, back.checked_tick_id) == (club.seq, club.last_tick_id)


def test_versions_of_what_came_back_are_those_of_the_new_epoch(books):
    books.redis.flushdb()

    epoch = restored(books).epoch

    assert {each.version for each in books.positions()} == {epoch << EPOCH_BITS}


def test_a_position_that_changed_while_it_was_looked_at_is_left_alone(books):
    position = next(each for each in books.positions() if each.qty)
    older = replace(position, qty=1, version=999)

    put = script("position_restore").run(
        books.redis, *restore_call(books.keys, older, str(position.version - 1))
    )

    assert put == 0
    assert position in books.positions()


def test_dying_at_any_step_leaves_the_rest_to_the_next_run(books):
    moment = snapshot(books)
    open_ones = [position for position in books.positions() if position.qty]
    books.close(open_ones[0])
    books.close(open_ones[1], 100)
    books.open(user=2, idx=8)
    books.drain().facts()
    before = content(books)
    for step in count(1):
        go_back(books, moment)
        try:
            rehydrate(Countdown(step).guard(books.redis), books.keys, books.pg)
        except Killed:
            restored(books)
        else:
            break

        assert content(books) == before
    assert step > 8  # it did die at every step
    assert_proved(books)


STEPS = st.lists(
    st.sampled_from(
        ["open", "short", "close", "part", "margin", "flush", "facts", "empty", "back"]
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=15)
@given(steps=STEPS)
def test_no_order_of_events_flushes_and_losses_breaks_the_books(books, steps):
    for step in steps:
        match step:
            case "flush":
                books.drain().flush()
            case "facts" | "empty":
                books.drain().facts()  # what was answered as durable in Postgres is there
                if step == "empty":
                    books.redis.flushdb()
                    restored(books)
            case "back":
                moment = snapshot(books)
                books.open(user=3, qty=1)
                books.drain().facts()
                go_back(books, moment)
                restored(books)
            case _:
                something_happens(books, step)

    assert_proved(books)
    while mine_of(books):  # a user may have 20; the next example has the same books
        something_happens(books, "close")


def mine_of(books):
    return [each for each in books.positions() if each.qty and each.user == 3]


def something_happens(books, step):
    """An event of one of the third user's positions, if there is one for it."""
    mine = mine_of(books)
    for each in mine:
        if books.redis.exists(books.keys.ticks(each.idx)):
            check(books, each)  # as a scanner does where ticks are missing
    match step:
        case "open" | "short" if len(mine) < 10:
            books.open(user=3, side="long" if step == "open" else "short", qty=7)
        case "close" if mine:
            books.close(mine[0])
        case "part" if mine and mine[-1].qty > 1:
            books.close(mine[-1], 1)
        case "margin" if mine:
            books.remargin(mine[0], 1)
