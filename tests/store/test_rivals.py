"""Who puts Redis back, stood still, and goes on when it is lost once more and others put it back.

What it has read of Postgres is old by then, and none of it may stay.
"""

import time
from contextlib import suppress

import pytest
from psycopg2 import OperationalError
from touchline.domain.halts import Halt
from touchline.domain.orders import OrderStatus
from touchline.store import rehydrate as rehydrating
from touchline.store import waiting
from touchline.store.gate import Rehydrating
from touchline.store.keys import State
from touchline.store.life import EPOCH_BITS, begin_life, life_of_redis, note_complete
from touchline.store.lost import Candidate, Lost, Restorer
from touchline.store.lua import LuaScript
from touchline.store.orders import Orders
from touchline.store.outage import OUTAGES
from touchline.store.reconcile import reconcile
from touchline.store.recovery import Recovery
from touchline.store.rehydrate import rehydrate
from touchline.store.release import Release
from touchline.store.scanner import Scanner

from tests.fakes.bookkeeping import Books
from tests.fakes.failing import Interrupted
from tests.fakes.replicas import CLIENT, END_MS, feed, in_play, sent
from tests.fakes.snapshots import put, take
from tests.fakes.stepping import Fate, Steps, Work

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    """Books after some trading; in the end all of it agrees."""
    books = Books(redis, pg)
    rehydrate(redis, books.keys, pg)
    books.some_trades()
    yield books
    assert books.drain().everything().complete
    report = reconcile(redis, books.keys, pg)
    assert report.ok, report.as_text()
    assert books.differences() == []


class Rival:
    """Has seen that Redis lacks a state; puts it back as it was then when it goes on."""

    def __init__(self, books, state, member, value):
        life = life_of_redis(books.redis, books.keys)
        self._restorer = Restorer(books.redis, books.keys, life << EPOCH_BITS)
        self._lost = Lost(Candidate(state, member, value), None)

    def goes_on(self):
        return bool(self._restorer.restore([self._lost]))


def put_back(books, client=None):
    """As by every process whose turn it is, until it is done."""
    while True:
        with suppress(Rehydrating):
            return rehydrate(client or books.redis, books.keys, books.pg)


def put_back_by_another(books):
    """What the rival stands still at; it lacks everything."""
    books.redis.flushdb()
    put_back(books)


def at_every_step(books, rival):
    """Lose all, and have *rival* go on before each step of the way back; whether it came through.

    One time after the other, and once when all is done.
    """
    step, through = 0, []
    while True:
        step += 1
        books.redis.flushdb()
        client = Interrupted(books.redis, step, lambda: through.append(rival.goes_on()))
        put_back(books, client)
        ended = client.left > 0
        assert not (ended and rival.goes_on())
        yield
        if ended:
            assert any(through)
            return


def test_a_wallet_is_the_newest_whenever_somebody_puts_back_an_older_one(books):
    books.drain().everything()
    rival = Rival(books, State.WALLETS, "1", books.hot.wallet(1))
    put_back_by_another(books)
    books.trade(1)
    books.drain().everything()
    cash_e4 = books.hot.wallet(1).cash_e4

    for _ in at_every_step(books, rival):
        assert books.hot.wallet(1).cash_e4 == cash_e4


def test_a_position_that_was_closed_is_not_opened_by_who_knows_it_open(books):
    position = books.open(1)
    books.drain().everything()
    rival = Rival(books, State.POSITIONS, position.id, position)
    put_back_by_another(books)
    books.close(position)
    books.drain().everything()

    for _ in at_every_step(books, rival):
        assert [each for each in books.positions() if each.qty] == []
        assert not books.redis.exists(books.keys.open_by_user(1), books.keys.open_by_club(7))


class RivalOfOrders:
    """Has read which orders wait, and seen that Redis has none; has it wait when it goes on."""

    def __init__(self, books):
        life = life_of_redis(books.redis, books.keys)
        read = waiting._entries(books.pg)
        self._redis = books.redis
        self._calls = [waiting._call(books.keys, life, entry, None) for entry in read]

    def goes_on(self):
        return any(LuaScript("order_restore").run_all(self._redis, self._calls))


def test_an_order_that_was_rejected_does_not_wait_again_for_who_knows_it_waiting(books):
    in_play(books)
    books.drain().everything()
    order = sent(books).order
    books.drain().everything()
    rival = RivalOfOrders(books)
    put_back_by_another(books)
    in_play(books)
    feed(books, halt=Halt.EVENT)
    release(books)
    books.drain().everything()

    for _ in at_every_step(books, rival):
        in_play(books)
        feed(books, halt=Halt(0))
        assert release(books).trades == 0
        placed = Orders(books.redis, books.keys, books.pg).one(CLIENT, order.order_id)
        assert placed.order.status is OrderStatus.REJECTED


def release(books):
    orders = Orders(books.redis, books.keys, books.pg)
    scanner = Scanner(books.redis, books.keys, books.scripts, lambda: END_MS)
    return Release(orders, books.hot, books.scripts, scanner).run(END_MS, lambda: True)


class Restarting:
    """A Redis that can restart with less."""

    def __init__(self, real):
        self._real, self._restarts = real, 0

    def restart(self, kept):
        self._restarts += 1
        put(self._real, kept)

    def info(self, _):
        return {"run_id": f"run {self._restarts}"}

    def __getattr__(self, name):
        return getattr(self._real, name)


@pytest.mark.parametrize("everything", [True, False])
def test_at_whatever_step_redis_is_lost_once_more_nothing_is_wrong_in_the_end(books, everything):
    """Whoever puts it back does not notice, and goes on with what it has seen of the one before."""
    server, steps, number, frozen = Restarting(books.redis), Steps(), 0, True
    while frozen:
        number += 1
        books.drain().everything()
        kept = {} if everything else take(books.redis)
        books.trade(1)
        books.drain().facts()
        before, made = worth(books), set(books.redis.scan_iter("idem:*"))
        server.restart(kept)
        steps.begin(Fate("freeze", number, after=False))
        client, pg = steps.client(server), steps.guard(books.pg)
        work = Work(steps, lambda client=client, pg=pg: rehydrate(client, books.keys, pg))
        frozen = work.frozen
        if frozen:
            server.restart(kept)
        with suppress(*OUTAGES):
            work.thaw()
        put_back(books, server)
        assert worth(books) == before, f"step {number}"
        assert made <= set(books.redis.scan_iter("idem:*")), f"step {number}"
    assert number > 30


def worth(books):
    """What everybody has, whatever the versions."""
    wallets = [books.hot.wallet(user) for user in (0, *books.users)]
    holdings = [books.hot.holdings(user) for user in books.users]
    return (
        [(each.cash_e4, each.locked_e4) for each in wallets],
        [{idx: held.qty for idx, held in each.items()} for each in holdings],
        [(each.id, each.qty) for each in books.positions() if each.qty],
    )


def test_who_breaks_off_when_a_rival_has_just_opened_the_gate_keeps_nobody_from_writing(
    books, monkeypatch
):
    """The rival saw its life to be the last; the one that is begun then nobody has entered."""
    books.drain().everything()
    books.redis.flushdb()
    recovery = Recovery(books.redis, books.keys, books.pg, monotonic=time.monotonic)

    def gone(*_):
        raise OperationalError

    def behind_a_rival(pg, above):
        patched.undo()
        put_back(books)
        patched.setattr(rehydrating, "open_drain", gone)
        return begin_life(pg, above)

    with monkeypatch.context() as patched:
        patched.setattr(rehydrating, "begin_life", behind_a_rival)
        with pytest.raises(OperationalError):
            recovery.run()

    assert recovery.due()
    assert recovery.run()
    books.trade(1)


def test_who_stood_still_before_it_opens_the_gate_does_not_open_that_of_an_emptied_redis(
    books, monkeypatch
):
    """Nor for the moment until it looks again: whoever is let in then stays in."""
    books.drain().everything()
    noted = []

    class Noticing:
        """A Redis; after each use of it somebody looks whether the gate is open."""

        def __getattr__(self, name):
            noted.append(books.redis.get(books.keys.meta("run_id")))
            return getattr(books.redis, name)

    def emptied(pg, life):
        note_complete(pg, life)
        books.redis.flushdb()
        noted.clear()

    books.redis.flushdb()
    with monkeypatch.context() as patched:
        patched.setattr(rehydrating, "note_complete", emptied)
        with pytest.raises(Rehydrating):
            rehydrate(Noticing(), books.keys, books.pg)

    assert noted
    assert not any(noted)
    put_back(books)
