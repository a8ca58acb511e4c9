"""Runs of the proofs are kept for a week, with what failed, and the newest is found again."""

import pytest
from touchline.store import reconcile_runs
from touchline.store.reconcile_runs import ReconcileRuns

from tests.fakes.bookkeeping import Books

pytestmark = pytest.mark.external


@pytest.fixture
def books(redis, pg):
    books = Books(redis, pg)
    books.some_trades()
    books.drain().everything()
    return books


@pytest.fixture
def runs(books):
    return ReconcileRuns(books.redis, books.keys, books.pg)


def test_before_any_run_there_is_no_last_one(runs):
    assert runs.last() is None


def test_a_run_is_kept_with_its_hashes(books, runs):
    report = runs.prove()
    runs.keep(report, 1.25)

    assert report.ok
    [kept] = books.rows(
        "SELECT ok, took_ms, encode(redis_hash, 'hex'), encode(pg_hash, 'hex'), diffs"
        " FROM reconcile_runs"
    )
    hashes = report.state_hashes
    assert kept == (True, 1250, hashes["redis"], hashes["postgres"], {})


def test_the_newest_run_is_found_again(books, runs):
    runs.keep(runs.prove(), 100.0)
    books.rows("UPDATE wallets SET cash_e4 = cash_e4 + 1 WHERE user_id = 2")
    runs.keep(runs.prove(), 1.5)

    last = runs.last()

    assert (last.ok, last.failed, last.took_s) == (False, ("redis", "wallets"), 1.5)
    assert 0 <= last.ended_s < 60


def test_offenders_are_kept_but_not_all_of_them(books, runs, monkeypatch):
    monkeypatch.setattr(reconcile_runs, "OFFENDERS_KEPT", 1)
    books.rows("UPDATE wallets SET cash_e4 = cash_e4 + 1")

    runs.keep(runs.prove(), 1.0)

    [(kept,)] = books.rows("SELECT diffs FROM reconcile_runs")
    assert {name: len(offenders) for name, offenders in kept.items()} == {"redis": 1, "wallets": 1}


def test_the_oldest_runs_are_forgotten(books, runs, monkeypatch):
    monkeypatch.setattr(reconcile_runs, "KEPT", 3)
    report = runs.prove()
    for took_s in range(5):
        runs.keep(report, took_s)

    assert books.rows("SELECT took_ms FROM reconcile_runs ORDER BY id") == [
        (2000,),
        (3000,),
        (4000,),
    ]
