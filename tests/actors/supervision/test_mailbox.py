"""The mailbox: two lanes, a bound, and counts."""

from __future__ import annotations

import gevent
import pytest
from touchline.actors.errors import Undelivered
from touchline.actors.future import Future
from touchline.actors.mailbox import Mailbox, Policy

from tests.fakes.clock import FakeClock
from tests.fakes.probe import WAIT_S


def opened(bound: int = 100, policy: Policy = Policy.DROP_OLD) -> Mailbox:
    mailbox = Mailbox("a")
    mailbox.open(bound, policy)
    return mailbox


def test_messages_come_out_in_the_order_they_went_in() -> None:
    mailbox = opened()
    for number in range(5):
        mailbox.deliver(number)

    assert [mailbox.take()[1] for _ in range(5)] == [0, 1, 2, 3, 4]


def test_the_urgent_lane_passes_the_backlog_and_keeps_its_own_order() -> None:
    mailbox = opened()
    mailbox.deliver("ordinary")
    mailbox.urge("first")
    mailbox.urge("second")

    assert [mailbox.take()[1] for _ in range(3)] == ["first", "second", "ordinary"]


@pytest.mark.parametrize(
    ("policy", "kept"), [(Policy.DROP_OLD, (2, 3, 4)), (Policy.DROP_NEW, (0, 1, 2))]
)
def test_a_full_mailbox_gives_up_by_its_policy_and_counts(
    policy: Policy, kept: tuple[int, ...]
) -> None:
    mailbox = opened(3, policy)
    for number in range(5):
        mailbox.deliver(number)

    assert mailbox.queued() == kept
    assert (mailbox.depth, mailbox.dropped) == (3, 2)


def test_the_urgent_lane_has_no_bound() -> None:
    mailbox = opened(1)
    for number in range(50):
        mailbox.urge(number)

    assert mailbox.dropped == 0


@pytest.mark.parametrize("policy", list(Policy))
def test_a_dropped_ask_fails_at_once(policy: Policy) -> None:
    mailbox, first, second = opened(1, policy), Future(), Future()
    mailbox.deliver("first", first)
    mailbox.deliver("second", second)
    dropped = first if policy is Policy.DROP_OLD else second

    with pytest.raises(Undelivered, match="a: mailbox full"):
        dropped.get(timeout=0)


def test_a_closed_mailbox_counts_what_it_refuses() -> None:
    mailbox, answer = Mailbox("a"), Future()
    mailbox.deliver("tell")
    mailbox.deliver("ask", answer)

    assert (mailbox.depth, mailbox.dropped) == (0, 2)
    with pytest.raises(Undelivered, match="stopped or unknown"):
        answer.get(timeout=0)


def test_closing_fails_those_who_wait_in_either_lane() -> None:
    mailbox, ordinary, urgent = opened(), Future(), Future()
    mailbox.deliver("ask", ordinary)
    mailbox.urge("stop", urgent)

    mailbox.close()

    assert mailbox.empty()
    for answer in (ordinary, urgent):
        with pytest.raises(Undelivered):
            answer.get(timeout=0)


def test_what_arrives_urgently_after_closing_is_refused() -> None:
    mailbox, answer = Mailbox("a"), Future()

    mailbox.urge("stop", answer)

    with pytest.raises(Undelivered):
        answer.get(timeout=0)
    assert mailbox.empty()


def test_two_children_cannot_share_a_name() -> None:
    mailbox = opened()

    with pytest.raises(ValueError, match="two children are named 'a'"):
        mailbox.open()


def test_a_waiting_reader_is_woken_by_either_lane() -> None:
    mailbox = opened()
    for put in (mailbox.deliver, mailbox.urge):
        reader = gevent.spawn(mailbox.take)
        gevent.idle()
        assert mailbox.idle

        put("wake")

        assert reader.get(timeout=WAIT_S)[1] == "wake"
        assert not mailbox.idle


def test_a_message_outlives_the_kill_of_the_reader_it_woke() -> None:
    mailbox = opened()
    killed = gevent.spawn(mailbox.take)
    gevent.idle()

    killed.kill(block=False)  # on its way when the message wakes the reader
    mailbox.deliver("precious")
    killed.join(WAIT_S)

    assert mailbox.take()[1] == "precious"


def test_the_age_of_the_oldest_message_is_known() -> None:
    clock = FakeClock()
    mailbox = Mailbox("a", clock.monotonic)
    mailbox.open()
    assert mailbox.oldest_s() == 0.0

    mailbox.deliver("old")
    clock.advance(3.0)
    mailbox.deliver("new")

    assert mailbox.oldest_s() == 3.0
