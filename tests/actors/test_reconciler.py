"""The reconciler: proves when it is due and leads, one run at a time, and tells what failed."""

import gevent
import pytest
from structlog.testing import capture_logs
from touchline.actors.flush.messages import LeaseDue, Proved
from touchline.actors.flush.reconciler import EVERY_S, FIRST_S, Reconciler
from touchline.actors.meters import ReconcileMeter
from touchline.store.keys import Keys
from touchline.store.lease import Lease
from touchline.store.reconcile import Report, Verdict
from touchline.store.reconcile_runs import LastRun

from tests.fakes.clock import FakeClock

WELL = Report((Verdict("money", "sums to zero", ()), Verdict("redis", "agrees", ())), {})
WRONG = Report((Verdict("money", "sums to zero", ({"sum_e4": 1},)), WELL.verdicts[1]), {})


class ScriptedBooks:
    """Are as they are told to be, and remember what was kept of them."""

    def __init__(self):
        self.report = WELL
        self.runs = 0
        self.kept = []
        self.newest = None

    def prove(self):
        self.runs += 1
        return self.report

    def keep(self, report, took_s):
        self.kept.append((report, took_s))

    def last(self):
        return self.newest


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def books():
    return ScriptedBooks()


@pytest.fixture
def build(redis, books, clock):
    def build(meter=None):
        lease = Lease(redis, Keys().lease("reconcile"), monotonic=clock.monotonic)
        return Reconciler(books, lease, clock.monotonic, meter)

    return build


def pass_time(reconciler, clock, seconds):
    clock.advance(seconds)
    reconciler.receive(LeaseDue())


def wanted(reconciler):
    """Whether a run is under way."""
    return reconciler.detail()["proving"]


def test_it_proves_soon_after_the_start_and_not_at_once(build, clock):
    reconciler = build()
    reconciler.started()
    assert not wanted(reconciler)

    pass_time(reconciler, clock, FIRST_S - 1)
    assert not wanted(reconciler)
    pass_time(reconciler, clock, 1)
    assert wanted(reconciler)


@pytest.mark.parametrize(("took_s", "pause_s"), [(1.0, EVERY_S), (100.0, 400.0)])
def test_it_rests_at_least_five_minutes_and_four_times_as_long_as_it_worked(
    build, clock, took_s, pause_s
):
    reconciler = build()
    reconciler.started()
    pass_time(reconciler, clock, FIRST_S)
    reconciler.receive(Proved(WELL, took_s))

    pass_time(reconciler, clock, pause_s - 1)
    assert not wanted(reconciler)
    pass_time(reconciler, clock, 1)
    assert wanted(reconciler)


def test_the_proofs_run_beside_the_actor_one_run_at_a_time(build, books, clock):
    reconciler = build()
    reconciler.started()
    [reader] = reconciler.links
    running = gevent.spawn(reader)
    pass_time(reconciler, clock, FIRST_S)
    pass_time(reconciler, clock, 2)

    _, outcome, _ = reconciler.actor_inbox.take()
    pass_time(reconciler, clock, 2)  # comes before the outcome is heard of
    gevent.idle()
    running.kill()

    assert outcome == Proved(WELL, 0.0)
    assert books.runs == 1


def test_what_came_of_a_run_is_kept_and_shown(build, books, clock):
    reconciler = build()
    reconciler.started()
    pass_time(reconciler, clock, FIRST_S)

    reconciler.receive(Proved(WELL, 1.5))
    clock.advance(3)

    assert books.kept == [(WELL, 1.5)]
    assert reconciler.detail() == {
        "lease": True,
        "proving": False,
        "ok": True,
        "failed": [],
        "took_s": 1.5,
        "ended_s_ago": 3,
        "ailing": "",
    }


def test_books_that_do_not_agree_ail_and_are_logged(build, clock):
    reconciler = build()
    reconciler.started()

    with capture_logs() as logs:
        reconciler.receive(Proved(WRONG, 1.5))

    assert reconciler.detail()["ailing"] == "the books do not agree: money"
    assert [(line["event"], line["failed"]) for line in logs] == [
        ("the books do not agree", ("money",))
    ]
    reconciler.receive(Proved(WELL, 1.5))
    assert reconciler.detail()["ailing"] == ""


def test_of_two_one_proves_and_the_other_goes_on_where_it_stopped(build, books, clock):
    first, second = build(), build()
    first.started()
    second.started()
    pass_time(first, clock, FIRST_S)
    pass_time(second, clock, 0)
    assert (wanted(first), wanted(second)) == (True, False)

    books.newest = LastRun(ok=False, failed=("shares",), took_s=2.0, ended_s=60.0)
    first.stopped()
    pass_time(second, clock, 2)
    detail = second.detail()
    assert (detail["lease"], detail["proving"], detail["ended_s_ago"]) == (True, False, 60)
    assert detail["ailing"] == "the books do not agree: shares"

    for _ in range(int(EVERY_S - 60)):
        pass_time(second, clock, 1)
    assert wanted(second)


def test_a_replica_that_does_not_lead_tells_nothing_of_old_runs(build, redis, clock):
    reconciler = build()
    reconciler.started()
    reconciler.receive(Proved(WRONG, 1.5))
    redis.set(Keys().lease("reconcile"), "another")

    pass_time(reconciler, clock, 2)

    assert reconciler.detail()["ailing"] == ""
    assert reconciler.detail()["lease"] is False


def test_what_is_known_survives_the_actor(build, clock):
    meter = ReconcileMeter()
    build(meter).receive(Proved(WRONG, 1.5))

    assert build(meter).detail()["failed"] == ["money"]
