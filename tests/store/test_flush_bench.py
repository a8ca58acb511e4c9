"""The parts of bench/flush.py: what it compares does the same work, and what it times happened."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from psycopg2 import extensions
from touchline.store.drain import open_drain
from touchline.store.keys import Keys, State
from touchline.store.layouts import LAYOUTS
from touchline.store.postgres import install_wait_callback
from touchline.store.scripts import Scripts
from touchline.store.states import States

BENCH = Path(__file__).resolve().parents[2] / "bench"
PEOPLE = 6
MERGING = ("update_prepared", "update_executemany", "execute_values", "copy_merge")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch):
    """The modules of bench/, which find each other as those of a program do."""
    monkeypatch.syspath_prepend(BENCH)
    return import_module


@pytest.fixture
def plain():
    """psycopg2 as it comes: COPY knows no wait callback."""
    extensions.set_wait_callback(None)
    yield
    install_wait_callback()


@pytest.fixture
def book(bench, redis, pg):
    keys, scripts = Keys(), Scripts(redis, Keys())
    drain = open_drain(redis, keys, scripts, pg)
    book = bench("flush_book").Book(None, redis, keys, scripts, pg, drain)
    book.fill(PEOPLE)
    return book


def stored(book, layout):
    with book.pg.transaction() as cursor:
        cursor.execute(layout.select())
        return {row[: len(layout.identity)]: row for row in cursor.fetchall()}


def changed(rows, version):
    return [replace(row, values=(*row.values[:-1], str(version))) for row in rows]


def test_all_states_of_the_book_reach_postgres(bench, book):
    everything = bench("flush_book").everything(PEOPLE)
    book.mark(everything)

    drained = book.drain.everything()

    assert drained.complete
    assert drained.states == bench("flush_book").size(everything) == 20 + PEOPLE * 5 // 2


def test_the_trades_of_the_book_are_in_the_ledger_after_the_facts(bench, book):
    book.mark(bench("flush_book").everything(PEOPLE))
    book.drain.everything()

    book.trade(150, PEOPLE)

    assert book.drain.facts().moved == 150
    assert bench("flush_lag").count_trades(book) == 150


@pytest.mark.parametrize("name", MERGING)
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.state.value)
def test_a_peer_writes_rows_over_older_versions_alone(bench, book, plain, name, layout):
    peers: ModuleType = bench("flush_peers")
    everything = bench("flush_book").everything(PEOPLE)
    book.mark(everything)
    book.drain.everything()
    rows = States(book.redis, book.keys, book.scripts).read(
        {state: everything.get(state, []) for state in State}
    )[layout.state]
    newer, older = changed(rows[:2], 9), changed(rows[2:], 0)
    before = stored(book, layout)

    with book.pg.transaction() as cursor:
        given = [peers.numbers(layout, row) for row in newer + older]
        peers.PEERS[name](cursor, layout, given)

    width = len(layout.identity)
    written = {row.values[:width]: (*before[row.values[:width]][:-1], "9") for row in newer}
    assert stored(book, layout) == before | written


def test_a_lag_lasts_until_the_first_look_that_shows_the_last_of_the_states(bench, pg):
    lag, made = bench("flush_lag"), bench("flush_trader").Made
    looks, trade = (
        lag.Looks(pg),
        made(1_000, user=3, idx=2, seq=5, wallet=7, holding=8, instrument=6),
    )

    def look(at_ms, *, seq, club, wallet, holding):
        shown = [9] * (2 * lag.CLUBS + 2 * lag.WATCHED)
        shown[1], shown[lag.CLUBS + 1] = seq, club
        shown[2 * lag.CLUBS + 2], shown[2 * lag.CLUBS + lag.WATCHED + 2] = wallet, holding
        looks.note(at_ms, shown)

    look(1_010, seq=4, club=5, wallet=6, holding=7)
    look(1_020, seq=5, club=6, wallet=6, holding=7)
    look(1_030, seq=5, club=6, wallet=7, holding=7)
    assert not looks.level([trade])
    look(1_040, seq=7, club=8, wallet=7, holding=8)

    assert looks.lags_ms([trade]) == ([20], [40])
