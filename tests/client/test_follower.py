"""What a client knows after each message: pure, so every order of messages can be tried."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.client.events import Changed, Missed, Shown, Unavailable
from touchline.client.follower import A_REQUEST, Follower, Heard, Mistaken, Request
from touchline.client.messages import Ack, Failure, Refusal, Resync, Snapshot, Update, decode

A_MESSAGE_BYTES = 4096  #: the most that the server takes


def following(*channels: str, conflated: bool = True) -> Follower:
    follower = Follower()
    follower.follow(channels, conflated)
    granted(follower, follower.opening())
    return follower


def granted(follower: Follower, requests: list[Request]) -> None:
    for request in requests:
        follower.hear(Ack(request["id"], ok=True))


def shown(follower: Follower, channel: str, seq: int, epoch: int = 1, **data: Any) -> Heard:
    return follower.hear(Snapshot(channel, epoch, seq, data))


def test_what_is_not_known_is_subscribed_to_and_what_is_known_is_resumed() -> None:
    follower = following("price:7", "portfolio", "fixture:9", "price:*")
    shown(follower, "price:7", 48, epoch=3)
    shown(follower, "fixture:9", 5, epoch=2)
    shown(follower, "portfolio", 551, epoch=3)

    assert follower.opening() == [
        {
            "op": "resume",
            "id": 3,
            "epoch": 2,
            "fixture": {"9": 5},
            "price": {"7": 48},
            "portfolio": 551,
        },
        {"op": "subscribe", "id": 4, "channels": ["price:*"]},
    ]


def test_prices_of_either_kind_are_asked_for_apart() -> None:
    follower = following("price:1", "portfolio")
    follower.follow(["price:2"], conflated=False)
    shown(follower, "price:2", 5)

    assert follower.opening() == [
        {"op": "resume", "id": 4, "epoch": 1, "price": {"2": 5}, "conflated": False},
        {"op": "subscribe", "id": 5, "channels": ["portfolio", "price:1"]},
    ]


def test_a_snapshot_replaces_and_an_update_replaces_members() -> None:
    follower = following("price:7")

    assert shown(follower, "price:7", 4, bid="1", name="Arsenal") == Heard(
        (Shown("price:7", 1, 4, {"bid": "1", "name": "Arsenal"}),)
    )
    assert follower.hear(Update("price:7", 9, {"bid": "2"})) == Heard(
        (Changed("price:7", 9, {"bid": "2"}),)
    )
    assert follower.state("price:7") == {"bid": "2", "name": "Arsenal"}

    shown(follower, "price:7", 10, bid="3")
    assert follower.state("price:7") == {"bid": "3"}


def test_an_update_from_before_the_snapshot_is_passed_over() -> None:
    follower = following("price:7")

    assert follower.hear(Update("price:7", 9, {"bid": "2"})) == Heard()
    shown(follower, "price:7", 9, bid="3")
    assert follower.hear(Update("price:7", 9, {"bid": "2"})) == Heard()
    assert follower.state("price:7") == {"bid": "3"}


def test_a_conflated_price_and_a_fixture_may_jump() -> None:
    follower = following("price:7", "fixture:9")
    shown(follower, "price:7", 4)
    shown(follower, "fixture:9", 4)

    assert follower.hear(Update("price:7", 9, {})).events == (Changed("price:7", 9, {}),)
    assert follower.hear(Update("fixture:9", 9, {})).events == (Changed("fixture:9", 9, {}),)
    assert [type(each) for each in shown(follower, "price:7", 99).events] == [Shown]


@pytest.mark.parametrize("wanted", ["price:7", "price:*"])
def test_a_jump_where_every_tick_was_asked_for_is_told(wanted: str) -> None:
    follower = following(wanted, conflated=False)
    shown(follower, "price:7", 4)

    assert follower.hear(Update("price:7", 5, {})).events == (Changed("price:7", 5, {}),)
    assert follower.hear(Update("price:7", 9, {})).events == (
        Missed("price:7", 5, 9),
        Changed("price:7", 9, {}),
    )
    assert shown(follower, "price:7", 12).events[0] == Missed("price:7", 9, 13)


@pytest.mark.parametrize("wanted", ["price:7", "price:*"])
def test_what_was_left_out_before_every_tick_was_granted_is_not_missed(wanted: str) -> None:
    follower = following(wanted)
    shown(follower, "price:7", 4)

    asked = follower.follow([wanted], conflated=False)

    assert follower.hear(Update("price:7", 8, {})).events == (Changed("price:7", 8, {}),)
    granted(follower, asked)
    assert [type(each) for each in shown(follower, "price:7", 11).events] == [Shown]
    assert follower.hear(Update("price:7", 12, {})).events == (Changed("price:7", 12, {}),)
    assert follower.hear(Update("price:7", 14, {})).events[0] == Missed("price:7", 12, 14)


def test_what_was_left_out_before_a_connection_with_every_tick_is_not_missed() -> None:
    follower = following("price:7")
    shown(follower, "price:7", 4)
    follower.follow(["price:7"], conflated=False)

    granted(follower, follower.opening())

    assert [type(each) for each in shown(follower, "price:7", 11).events] == [Shown]


def test_ticks_of_while_a_connection_was_gone_are_missed() -> None:
    follower = following("price:7", conflated=False)
    shown(follower, "price:7", 4)

    granted(follower, follower.opening())

    assert shown(follower, "price:7", 11).events[0] == Missed("price:7", 4, 12)


def test_what_is_left_out_of_a_price_that_goes_back_to_conflated_is_not_missed() -> None:
    follower = following("price:7", conflated=False)
    shown(follower, "price:7", 4)
    granted(follower, follower.follow(["price:7"], conflated=True))
    follower.hear(Update("price:7", 8, {}))

    again = follower.follow(["price:7"], conflated=False)

    assert [type(each) for each in follower.hear(Update("price:7", 10, {})).events] == [Changed]
    granted(follower, again)
    assert [type(each) for each in shown(follower, "price:7", 12).events] == [Shown]


def test_what_was_left_out_while_the_program_changed_its_mind_twice_is_not_missed() -> None:
    follower = following("price:7")
    shown(follower, "price:7", 4)
    asked = [follower.follow(["price:7"], conflated=way) for way in (False, True, False)]

    granted(follower, asked[0])
    shown(follower, "price:7", 5)
    granted(follower, asked[1])

    assert [type(each) for each in follower.hear(Update("price:7", 9, {})).events] == [Changed]
    granted(follower, asked[2])
    assert [type(each) for each in shown(follower, "price:7", 12).events] == [Shown]


def test_what_the_server_has_lost_just_after_a_resume_is_missed() -> None:
    follower = following("price:7")
    shown(follower, "price:7", 4)
    follower.follow(["price:7"], conflated=False)
    granted(follower, follower.opening())  # and it has seen the newest: nothing is shown

    follower.hear(Resync("price:7", "GAP"))

    assert shown(follower, "price:7", 6).events[0] == Missed("price:7", 4, 7)


def test_a_jump_of_the_portfolio_is_told_and_it_is_asked_for_anew() -> None:
    follower = following("portfolio")
    shown(follower, "portfolio", 551)

    heard = follower.hear(Update("portfolio", 553, {}, "fill"))

    assert heard == Heard(
        (Missed("portfolio", 551, 553),),
        ({"op": "subscribe", "id": 3, "channels": ["portfolio"]},),
    )
    assert follower.hear(Update("portfolio", 554, {}, "fill")) == Heard()
    assert [type(each) for each in shown(follower, "portfolio", 554).events] == [Shown]


def test_a_portfolio_that_can_only_be_shown_has_missed_what_lies_between() -> None:
    follower = following("portfolio")
    shown(follower, "portfolio", 551)
    follower.opening()

    assert shown(follower, "portfolio", 560).events[0] == Missed("portfolio", 551, 561)


def test_another_epoch_is_told_and_nothing_was_missed_in_it() -> None:
    follower = following("portfolio")
    shown(follower, "portfolio", 551, epoch=1)

    assert shown(follower, "portfolio", 3, epoch=2).events == (
        Shown("portfolio", 2, 3, {}, rebuilt=True),
    )


def test_what_the_server_says_of_itself_changes_nothing() -> None:
    follower = following("portfolio")
    shown(follower, "portfolio", 551)

    assert follower.hear(Resync("portfolio", "GAP")) == Heard()
    assert follower.hear(Ack(1, ok=True)) == Heard()
    assert follower.hear(Ack(99, ok=True)) == Heard()


def test_a_channel_that_is_no_more_is_left_out_and_the_others_asked_for_again() -> None:
    follower = following("fixture:9", "price:7", "portfolio")
    shown(follower, "fixture:9", 3)
    shown(follower, "price:7", 4)
    follower.opening()  # resume 3, subscribe 4

    heard = follower.hear(Ack(3, ok=False, error=Refusal("CHANNEL_UNKNOWN", "fixture:9")))

    assert heard == Heard(
        (Unavailable("fixture:9", "CHANNEL_UNKNOWN"),),
        ({"op": "resume", "id": 5, "epoch": 1, "price": {"7": 4}},),
    )
    assert set(follower.wanted) == {"price:7", "portfolio"}
    assert follower.state("fixture:9") is None


def test_a_refusal_that_leaving_something_out_does_not_mend_is_a_mistake() -> None:
    follower = following("price:7")

    with pytest.raises(Mistaken, match="TOO_MANY_SUBSCRIPTIONS"):
        follower.hear(Ack(1, ok=False, error=Refusal("TOO_MANY_SUBSCRIPTIONS")))
    with pytest.raises(Mistaken, match="BAD_MESSAGE: no"):
        follower.hear(Failure("BAD_MESSAGE", "no"))


def test_what_is_left_is_forgotten() -> None:
    follower = following("price:*", "price:7", "portfolio")
    for channel in ("price:7", "price:8", "portfolio"):
        shown(follower, channel, 4)

    assert follower.leave(["price:*", "portfolio", "price:99"]) == [
        {"op": "unsubscribe", "id": 3, "channels": ["price:*", "portfolio"]}
    ]
    assert follower.state("price:7") == {}
    assert follower.state("price:8") is None
    assert follower.state("portfolio") is None
    assert follower.leave(["portfolio"]) == []


def test_no_request_is_larger_than_the_server_takes() -> None:
    channels = [f"fixture:{9_000_000_000 + n}" for n in range(2 * A_REQUEST)]
    follower = following(*channels)
    for channel in channels[:A_REQUEST]:
        shown(follower, channel, 2**53 - 1)

    requests = follower.opening()

    assert [request["op"] for request in requests] == ["resume", "subscribe"]
    assert all(len(json.dumps(request)) <= A_MESSAGE_BYTES for request in requests)
    assert len(follower.follow([f"price:{n}" for n in range(A_REQUEST + 1)], True)) == 2


numbers = st.integers(min_value=1, max_value=6)
SAID = st.one_of(
    st.builds(Snapshot, st.just("portfolio"), st.just(1), numbers, st.just({})),
    st.builds(Update, st.just("portfolio"), numbers, st.just({}), st.just("fill")),
)


@given(st.lists(SAID, max_size=20))
def test_every_number_of_the_portfolio_is_told_or_missed_or_shown(said: list[Any]) -> None:
    """Whatever comes in whatever order: no event passes in silence."""
    follower = following("portfolio")
    upto = None
    for message in said:
        for event in follower.hear(message).events:
            match event:
                case Shown(_, _, seq):
                    upto = seq
                case Changed(_, seq):
                    assert upto is not None
                    assert seq == upto + 1
                    upto = seq
                case Missed(_, after, before):
                    assert after == upto
                    upto = before - 1


def test_messages_of_kinds_that_are_not_known_are_passed_over() -> None:
    assert decode('{"op":"heartbeat","ts":"2026-10-24T14:25:00.001Z"}') is None
    assert decode('{"op":"news","headline":"…"}') is None
    assert decode(
        '{"op":"snapshot","channel":"price:7","epoch":1,"seq":2,"data":{"x":1},"new":1}'
    ) == (Snapshot("price:7", 1, 2, {"x": 1}))


def test_a_single_price_that_is_left_goes_on_among_all_of_them() -> None:
    follower = following("price:*", "price:7")
    shown(follower, "price:7", 4, bid="1")

    follower.leave(["price:7"])

    assert follower.hear(Update("price:7", 6, {"bid": "2"})).events == (
        Changed("price:7", 6, {"bid": "2"}),
    )
    follower.leave(["price:*"])
    assert follower.state("price:7") is None


def test_a_refusal_of_what_was_left_meanwhile_is_no_mistake() -> None:
    follower = Follower()
    follower.follow(["fixture:9", "price:7"], True)
    assert follower.opening()[0]["id"] == 2
    assert follower.leave(["fixture:9"])[0]["id"] == 3

    heard = follower.hear(Ack(2, ok=False, error=Refusal("CHANNEL_UNKNOWN", "fixture:9")))

    assert heard == Heard(requests=({"op": "subscribe", "id": 4, "channels": ["price:7"]},))
    assert follower.hear(Ack(3, ok=False, error=Refusal("CHANNEL_UNKNOWN", "fixture:9"))) == Heard()


def test_what_could_not_be_left_with_something_unknown_is_left_without_it() -> None:
    follower = following("fixture:9", "price:7", "portfolio")
    follower.leave(["fixture:9", "price:7"])

    heard = follower.hear(Ack(3, ok=False, error=Refusal("CHANNEL_UNKNOWN", "fixture:9")))

    assert heard == Heard(requests=({"op": "unsubscribe", "id": 4, "channels": ["price:7"]},))


def test_what_was_on_its_way_of_a_channel_that_was_left_is_passed_over() -> None:
    follower = following("portfolio")
    follower.leave(["portfolio"])

    assert shown(follower, "portfolio", 551) == Heard()
    assert follower.hear(Update("portfolio", 553, {}, "fill")) == Heard()
    assert follower.state("portfolio") is None
