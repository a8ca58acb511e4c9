"""What a client may ask: strict shapes, known channels."""

from __future__ import annotations

import pytest
from touchline.actors.hub.channels import Channels, UnknownChannel, channels_of, within
from touchline.actors.hub.requests import BadMessage, decode
from touchline.domain.ids import InstrumentIdx
from touchline.protocol.requests import Ping, Resume, Subscribe

ONE, TWO, THREE = InstrumentIdx(1), InstrumentIdx(2), InstrumentIdx(3)


def test_the_four_requests_are_understood():
    assert decode('{"op":"ping","id":2}') == Ping(2)
    assert decode('{"op":"subscribe","id":1,"channels":["price:1"]}') == Subscribe(1, ("price:1",))
    assert decode('{"id":3,"op":"resume","price":{"1":7},"portfolio":9}') == Resume(
        3, price={"1": 7}, portfolio=9
    )
    assert decode('{"op":"resume","id":3,"epoch":4,"fixture":{"8":2}}') == Resume(
        3, epoch=4, fixture={"8": 2}
    )
    assert decode('{"op":"resume","id":3,"leaderboard":{"week":2}}') == Resume(
        3, leaderboard={"week": 2}
    )
    assert decode('{"op":"resume","id":3}') == Resume(3)
    assert decode('{"op":"resume","id":3,"conflated":false}') == Resume(3, conflated=False)
    assert decode('{"op":"subscribe","id":1,"channels":["price:1"],"conflated":false}') == (
        Subscribe(1, ("price:1",), conflated=False)
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"op":"ping"}',
        '{"op":"buy","id":1}',
        '{"op":"ping","id":"1"}',
        '{"op":"ping","id":-1}',
        '{"op":"ping","id":9007199254740992}',
        '{"op":"ping","id":1.5}',
        '{"op":"ping","id":NaN}',
        '{"op":"ping","id":1,"extra":1}',
        '{"op":"ping","id":1',
        '{"op":"subscribe","id":1}',
        '{"op":"subscribe","id":1,"channels":[]}',
        '{"op":"subscribe","id":1,"channels":"price:1"}',
        '{"op":"subscribe","id":1,"channels":[1]}',
        '{"op":"resume","id":1,"price":{"1":-1}}',
        '{"op":"resume","id":1,"epoch":"4"}',
        '{"op":"subscribe","id":1,"channels":["price:1"],"conflated":0}',
        '{"op":"unsubscribe","id":1,"channels":["price:1"],"conflated":true}',
        '{"op":"resume","id":1,"fixture":{"8":null}}',
        '{"op":"resume","id":1,"leaderboard":7}',
        "[" * 4000,
        b'{"op":"ping","id":1}',
    ],
)
def test_anything_else_is_a_bad_message_that_says_why(text: str | bytes):
    bad = decode(text)

    assert isinstance(bad, BadMessage)
    assert bad.detail


def test_channels_are_read_by_kind_and_doubles_count_once():
    names = ["price:2", "portfolio", "price:2", "price:*", "fixture:9", "fixture:9"]

    channels = channels_of(names, [ONE, TWO], ["fixture:8", "fixture:9"])

    assert channels == Channels(
        frozenset({TWO}), all_prices=True, portfolio=True, bulletins=frozenset({"fixture:9"})
    )
    assert len(channels) == 4


@pytest.mark.parametrize(
    "name",
    [
        "price:3",
        "price:01",
        "price:",
        "price:x",
        "Portfolio",
        "portfolio:5",
        "fixture:1",
        "fixture:*",
        "fixture:08",
        "fixture:",
        "",
    ],
)
def test_a_channel_that_does_not_exist_is_named(name: str):
    assert channels_of(["price:1", name], [ONE, TWO], ["fixture:8"]) == UnknownChannel(name)


def test_channels_add_and_subtract_kind_by_kind():
    mine = Channels(frozenset({ONE}), all_prices=True, bulletins=frozenset({"fixture:8"}))

    more = Channels(frozenset({TWO}), portfolio=True, bulletins=frozenset({"fixture:9"}))
    assert mine | more == Channels(
        frozenset({ONE, TWO}),
        all_prices=True,
        portfolio=True,
        bulletins=frozenset({"fixture:8", "fixture:9"}),
    )
    less = Channels(frozenset({TWO}), all_prices=True, bulletins=frozenset({"fixture:8"}))
    assert mine - less == Channels(frozenset({ONE}))


def test_a_price_is_conflated_or_not_as_it_was_asked_for_last():
    conflated = Channels(frozenset({ONE, TWO}), all_prices=True)
    every_tick = channels_of(["price:2", "price:*"], [ONE, TWO], [], conflated=False)
    assert every_tick == Channels(ticks=frozenset({TWO}), all_ticks=True)

    assert conflated | every_tick == Channels(
        frozenset({ONE}), ticks=frozenset({TWO}), all_ticks=True
    )
    assert every_tick | conflated == conflated
    assert len(conflated) == len(conflated | every_tick) == 3


def test_whatever_is_dropped_is_dropped_conflated_or_not():
    mine = Channels(frozenset({ONE}), ticks=frozenset({TWO}), all_ticks=True)

    assert mine - Channels(frozenset({TWO})) == Channels(frozenset({ONE}), all_ticks=True)
    assert mine - Channels(ticks=frozenset({ONE}), all_prices=True) == Channels(
        ticks=frozenset({TWO})
    )


@pytest.mark.parametrize(
    ("channels", "conflated", "ticked"),
    [
        (Channels(frozenset({ONE}), ticks=frozenset({TWO})), [ONE], [TWO]),
        (Channels(all_prices=True), [ONE, TWO, THREE], []),
        (Channels(all_prices=True, ticks=frozenset({TWO})), [ONE, THREE], [TWO]),
        (Channels(frozenset({ONE}), all_ticks=True), [], [ONE, TWO, THREE]),
        (Channels(portfolio=True), [], []),
    ],
)
def test_every_price_is_sent_conflated_or_every_tick_of_it_and_never_both(
    channels: Channels, conflated: list[InstrumentIdx], ticked: list[InstrumentIdx]
):
    everywhere = (ONE, TWO, THREE)

    assert [idx for idx in everywhere if within(channels.conflated, idx)] == conflated
    assert [idx for idx in everywhere if within(channels.ticked, idx)] == ticked
