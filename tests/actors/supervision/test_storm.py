"""Many at once: exact counts, and an event loop that keeps turning."""

from __future__ import annotations

import gevent
from touchline.actors.address import Addresses
from touchline.actors.backoff import Backoff, Intensity
from touchline.actors.child import Child
from touchline.actors.mailbox import Policy
from touchline.actors.timer import SYSTEM_CLOCK

from tests.fakes.probe import Life, Probe, StartTree, crash, hang, wait_for

QUICK = Backoff(min_s=0.001, max_s=0.005, jitter=0.2)
CHILDREN, CRASHES = 500, 3


def test_500_children_crash_3_times_each_and_every_crash_counts_once(
    start_tree: StartTree, life: Life, addresses: Addresses
) -> None:
    names = [f"n{number}" for number in range(CHILDREN)]
    tree = start_tree(
        *(Child(name, lambda: Probe(life), backoff=QUICK) for name in names),
        intensity=Intensity(crashes=10**6, seconds=3600.0),
        clock=SYSTEM_CLOCK,
    )

    for _ in range(CRASHES):
        for name in names:
            tree.tell(name, crash)
    answers = [addresses.of(name).ask(name, timeout_s=60) for name in names]

    assert answers == names
    assert [child.restarts for child in tree.snapshot().children] == [CRASHES] * CHILDREN
    assert len(life.log) == CHILDREN * (1 + CRASHES)


def test_every_message_is_handled_dropped_queued_or_the_end_of_an_incarnation(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(
        Child(
            "a", lambda: Probe(life), bound=50, backoff=QUICK, policy=Policy.DROP_NEW, stop_s=0.0
        ),
        intensity=Intensity(crashes=10**6, seconds=3600.0),
        clock=SYSTEM_CLOCK,
    )
    sent = 0
    for wave in range(20):
        for number in range(wave * 5):
            tree.tell("a", crash if number % 7 == 3 else number)
            sent += 1
        gevent.idle()
    wait_for(lambda: not tree.snapshot().children[0].depth)
    tree.ask("a", "last", 60)

    child = tree.snapshot().children[0]
    assert child.handled + child.dropped + child.restarts == sent + 1


def test_a_full_mailbox_keeps_the_newest_and_counts_the_rest(
    start_tree: StartTree, life: Life
) -> None:
    tree = start_tree(life.child("a", bound=100, stop_s=0.0))
    tree.tell("a", hang)
    wait_for(lambda: "hang a" in life.log)

    for number in range(1_000):
        tree.tell("a", number)

    child = tree.snapshot().children[0]
    assert (child.depth, child.dropped) == (100, 900)
    assert tree.snapshot().undelivered == {"a": 900}


def test_an_actor_with_a_long_backlog_lets_timers_and_sockets_in(
    start_tree: StartTree, life: Life, addresses: Addresses
) -> None:
    backlog = 200_000
    start_tree(life.child("a", bound=backlog), clock=SYSTEM_CLOCK)
    left_when_fired: list[int] = []
    address = addresses.of("a")
    for number in range(backlog):
        address.tell(number)

    cancel = SYSTEM_CLOCK.timer(
        0.001, 0.0, lambda: left_when_fired.append(addresses.mailbox("a").depth)
    )
    address.ask("the end", timeout_s=120)
    cancel()

    assert left_when_fired
    assert left_when_fired[0] > 0


def test_a_full_mailbox_does_not_starve_another_actor(
    start_tree: StartTree, life: Life, addresses: Addresses
) -> None:
    backlog = 100_000
    start_tree(life.child("full", bound=backlog), life.child("other"), clock=SYSTEM_CLOCK)
    for number in range(backlog):
        addresses.of("full").tell(number)

    answer = addresses.of("other").ask("hello", timeout_s=60)

    assert answer == "hello"
    assert addresses.mailbox("full").depth > 0
