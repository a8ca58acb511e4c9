"""Requests and their answers, on a desk without sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw
from touchline.actors.hub.board import Move, Price
from touchline.actors.hub.bulletins import Bulletin
from touchline.actors.hub.desk import Boards, Desk
from touchline.actors.hub.frames import text_frame
from touchline.actors.hub.messages import FollowersGone, PortfolioWanted
from touchline.actors.hub.ticker import Ticker
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.protocol.requests import MAX_SUBSCRIPTIONS

ANN = UserId(5)
BOARD = "leaderboard:week"
FRAME = text_frame('{"op":"update","seq":11}')


class Visit:
    """A client at the desk."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.ticker = Ticker(stage.roster, stage.board, stage.tape, stage.clock.monotonic)
        boards = Boards(stage.board, stage.tape, stage.noticeboard)
        calendar = stage.clock.calendar
        self.desk = Desk(stage.roster, boards, self.ticker, stage.subscriber, calendar)
        self.client, self.link = stage.seat()

    def ask(self, op: str, **fields: Any) -> list[Any]:
        """Send a request and return everything sent in answer."""
        self.desk.answer(self.client, json.dumps({"op": op, "id": 1, **fields}))
        return self.link.take()

    def asked(self) -> list[Any]:
        """What the subscriber was told since the last call."""
        told, self.stage.subscriber.told = self.stage.subscriber.told, []
        return told


@pytest.fixture
def visit(stage: Any) -> Visit:
    return Visit(stage)


def test_a_subscription_is_acknowledged_and_then_shown(visit):
    ack, snapshot = visit.ask("subscribe", channels=["price:2"])

    assert ack == {"op": "ack", "id": 1, "ok": True, "channels": ["price:2"]}
    assert snapshot == {
        "op": "snapshot",
        "channel": "price:2",
        "epoch": 7,
        "seq": 20,
        "data": {"idx": 2, "mark": "100.0000"},
    }
    assert visit.stage.groups() == {frozenset({2}): {visit.client}}


def test_all_prices_are_shown_one_by_one(visit):
    _, *snapshots = visit.ask("subscribe", channels=["price:*"])

    assert [snapshot["channel"] for snapshot in snapshots] == ["price:1", "price:2"]


def test_a_portfolio_is_asked_for_and_shown_later(visit):
    (ack,) = visit.ask("subscribe", channels=["portfolio"])

    assert ack["ok"]
    assert visit.asked() == [PortfolioWanted(ANN)]
    assert visit.client.portfolio_seq is None


def test_an_unknown_channel_refuses_the_whole_request_and_is_named(visit):
    answers = visit.ask("subscribe", channels=["price:1", "price:999", "portfolio"])

    assert answers == [
        {
            "op": "ack",
            "id": 1,
            "ok": False,
            "error": {"code": "CHANNEL_UNKNOWN", "channel": "price:999"},
        }
    ]
    assert not visit.client.channels
    assert visit.asked() == []


def test_more_channels_than_one_connection_may_have_are_refused(visit, make_price):
    visit.stage.board.read(7, [make_price(idx, 1) for idx in range(1, MAX_SUBSCRIPTIONS + 2)])
    names = [f"price:{idx}" for idx in range(1, MAX_SUBSCRIPTIONS + 1)]

    assert visit.ask("subscribe", channels=names)[0]["ok"]
    (refusal,) = visit.ask("subscribe", channels=["portfolio"])

    assert refusal["error"] == {"code": "TOO_MANY_SUBSCRIPTIONS", "limit": MAX_SUBSCRIPTIONS}
    assert len(visit.client.channels) == MAX_SUBSCRIPTIONS


def test_subscribing_again_shows_the_channel_again(visit):
    visit.ask("subscribe", channels=["price:1"])

    assert [answer["op"] for answer in visit.ask("subscribe", channels=["price:1"])] == [
        "ack",
        "snapshot",
    ]
    assert len(visit.client.channels) == 1


def test_nothing_that_still_waits_of_a_dropped_channel_may_follow_the_answer(visit):
    visit.ask("subscribe", channels=["price:*", "price:1"])

    assert visit.ask("unsubscribe", channels=["price:2"]) == [
        {"op": "ack", "id": 1, "ok": True, "channels": ["price:2"]}
    ]
    assert visit.link.superseded[-1] == set()  # still shown by price:*
    visit.ask("unsubscribe", channels=["price:*"])
    assert visit.link.superseded[-1] == {2}
    assert visit.stage.groups() == {frozenset({1}): {visit.client}}


def test_the_last_follower_of_a_portfolio_ends_its_subscription(visit):
    visit.ask("subscribe", channels=["portfolio"])
    visit.asked()

    visit.ask("unsubscribe", channels=["portfolio"])
    visit.ask("unsubscribe", channels=["portfolio"])

    assert visit.asked() == [FollowersGone(ANN)]


def test_resuming_shows_only_what_changed(visit):
    ack, snapshot = visit.ask("resume", price={"1": 10, "2": 19}, portfolio=551)

    assert ack["channels"] == ["price:1", "price:2", "portfolio"]
    assert (snapshot["channel"], snapshot["seq"]) == ("price:2", 20)
    assert (visit.client.portfolio_seq, visit.client.resumes_at) == (None, 551)
    assert visit.asked() == [PortfolioWanted(ANN, after=551)]


@pytest.mark.parametrize("epoch", [6, 8])
def test_resuming_from_another_epoch_shows_everything_whatever_its_number(visit, epoch):
    _, *snapshots = visit.ask("resume", epoch=epoch, price={"1": 10, "2": 20}, portfolio=551)

    shown = {each["channel"]: (each["epoch"], each["seq"]) for each in snapshots}
    assert shown == {"price:1": (7, 10), "price:2": (7, 20)}
    assert (visit.client.portfolio_seq, visit.client.resumes_at) == (None, None)
    assert visit.asked() == [PortfolioWanted(ANN)]


def test_resuming_from_the_present_epoch_shows_only_what_changed(visit):
    _, *snapshots = visit.ask("resume", epoch=7, price={"1": 10, "2": 19}, portfolio=551)

    assert [each["channel"] for each in snapshots] == ["price:2"]
    assert visit.client.resumes_at == 551


def test_every_tick_is_resumed_where_the_tape_is(visit):
    visit.ask("subscribe", channels=["price:1"], conflated=False)
    visit.stage.quotes.moved(Move(7, InstrumentIdx(1), 11, {"mark": "101.0000"}, FRAME))
    visit.link.take()

    update, ack, *shown = visit.ask("resume", epoch=7, price={"1": 10, "2": 20}, conflated=False)

    assert update["seq"] == 11  # it was waiting, for whom it was meant
    assert ack["channels"] == ["price:1", "price:2"]
    assert [(each["channel"], each["seq"]) for each in shown] == [("price:1", 11)]
    _, *shown = visit.ask("resume", epoch=7, price={"1": 11, "2": 20}, conflated=False)
    assert shown == []


def test_a_snapshot_of_all_prices_has_every_tick_of_those_that_want_it(visit):
    visit.ask("subscribe", channels=["price:1"], conflated=False)
    visit.stage.quotes.moved(Move(7, InstrumentIdx(1), 11, {"mark": "101.0000"}, FRAME))
    visit.link.take()

    update, _, *shown = visit.ask("subscribe", channels=["price:*"])

    assert update["seq"] == 11
    assert [(each["channel"], each["seq"]) for each in shown] == [("price:1", 11), ("price:2", 20)]


def test_every_tick_counts_once_to_the_limit_and_can_be_dropped(visit):
    visit.ask("subscribe", channels=["price:1", "price:*"], conflated=False)
    assert len(visit.client.channels) == 2

    assert visit.ask("unsubscribe", channels=["price:*"])[0]["ok"]
    assert visit.stage.roster.ticked == {frozenset({1}): {visit.client}}
    visit.stage.board.read(8, [])  # gone, in another epoch
    assert visit.ask("unsubscribe", channels=["price:1"])[0]["ok"]
    assert not visit.client.channels


def test_a_fixture_is_shown_and_can_be_resumed_and_dropped(visit):
    ack, snapshot = visit.ask("subscribe", channels=["fixture:8"])
    assert ack["channels"] == ["fixture:8"]
    assert snapshot == {
        "op": "snapshot",
        "channel": "fixture:8",
        "epoch": 7,
        "seq": 30,
        "data": {"id": 8},
    }

    _, shown = visit.ask("resume", epoch=7, fixture={"8": 29, "9": 31})
    assert (shown["channel"], shown["seq"]) == ("fixture:8", 30)
    _, *shown = visit.ask("resume", epoch=6, fixture={"8": 30, "9": 31})
    assert {each["channel"] for each in shown} == {"fixture:8", "fixture:9"}

    visit.ask("unsubscribe", channels=["fixture:8"])
    assert visit.stage.roster.listeners == {"fixture:9": {visit.client}}


def test_a_fixture_that_is_long_over_is_unknown_but_can_be_dropped(visit):
    visit.ask("subscribe", channels=["fixture:8"])
    visit.stage.noticeboard.read("fixture", 7, ())

    assert not visit.ask("resume", epoch=7, fixture={"8": 30})[0]["ok"]
    assert visit.ask("unsubscribe", channels=["fixture:8"])[0]["ok"]
    assert not visit.client.channels


def test_a_leaderboard_that_nobody_has_told_of_yet_can_be_listened_to(visit):
    assert [each["op"] for each in visit.ask("subscribe", channels=[BOARD])] == ["ack"]
    assert visit.ask("resume", epoch=7, leaderboard={"week": 4})[0]["ok"]

    assert visit.stage.roster.listeners == {BOARD: {visit.client}}


def test_a_leaderboard_is_shown_unless_it_was_seen_in_its_own_epoch(visit):
    board = Bulletin(8, BOARD, 5, Raw(b'{"week":"2026-W43"}'))
    visit.stage.noticeboard.read("leaderboard", 8, [board])

    _, snapshot = visit.ask("subscribe", channels=[BOARD])
    assert (snapshot["channel"], snapshot["epoch"], snapshot["seq"]) == (BOARD, 8, 5)
    assert snapshot["data"] == {"week": "2026-W43"}

    assert len(visit.ask("resume", epoch=8, leaderboard={"week": 5})) == 1
    for epoch, seq in ((7, 5), (8, 4)):
        _, shown = visit.ask("resume", epoch=epoch, leaderboard={"week": seq})
        assert shown["seq"] == 5


def test_a_board_counts_to_the_limit(visit):
    bulletins = [Bulletin(7, f"fixture:{n}", n, Raw(b"{}")) for n in range(MAX_SUBSCRIPTIONS)]
    visit.stage.noticeboard.read("fixture", 7, bulletins)
    visit.ask("subscribe", channels=[each.channel for each in bulletins])

    (refusal,) = visit.ask("subscribe", channels=[BOARD])

    assert refusal["error"]["code"] == "TOO_MANY_SUBSCRIPTIONS"


def test_fixtures_count_to_the_same_limit(visit):
    bulletins = [Bulletin(7, f"fixture:{n}", n, Raw(b"{}")) for n in range(MAX_SUBSCRIPTIONS)]
    visit.stage.noticeboard.read("fixture", 7, bulletins)
    names = [each.channel for each in bulletins]

    assert visit.ask("subscribe", channels=names)[0]["ok"]
    (refusal,) = visit.ask("subscribe", channels=["price:1"])
    assert refusal["error"]["code"] == "TOO_MANY_SUBSCRIPTIONS"


def test_resuming_with_numbers_ahead_of_ours_is_answered_with_a_snapshot(visit):
    _, snapshot = visit.ask("resume", price={"1": 4_000})

    assert snapshot["seq"] == 10


def test_resuming_all_prices_shows_them_all(visit):
    _, *snapshots = visit.ask("resume", price={"*": 0})

    assert [snapshot["channel"] for snapshot in snapshots] == ["price:1", "price:2"]
    assert visit.stage.groups() == {None: {visit.client}}


def test_a_ping_is_answered_with_its_number(visit):
    (pong,) = visit.ask("ping")

    assert (pong["op"], pong["id"]) == ("pong", 1)


def test_five_bad_messages_end_the_connection(visit):
    for _ in range(4):
        visit.desk.answer(visit.client, "nonsense")
    visit.ask("ping")
    assert visit.link.ended is None

    visit.desk.answer(visit.client, b"\x00")

    assert visit.link.ended == (4400, "too many bad messages")
    assert [answer["code"] for answer in visit.link.take()] == ["BAD_MESSAGE"]


def test_whoever_has_been_told_more_elsewhere_in_this_epoch_is_shown_nothing_older(visit):
    channels = {"price": {"1": 11, "2": 19}, "fixture": {"8": 31}}

    assert [each["seq"] for each in visit.ask("resume", epoch=7, **channels)[1:]] == [20]
    assert [each["seq"] for each in visit.ask("resume", **channels)[1:]] == [10, 20, 30]


@pytest.mark.parametrize("single", [False, True])
def test_what_was_read_ahead_of_its_tick_is_shown_to_who_wants_no_ticks_any_more(visit, single):
    ticked, conflated = ("price:1", "price:*") if single else ("price:*", "price:1")
    visit.ask("subscribe", channels=[conflated])
    visit.ask("subscribe", channels=[ticked], conflated=False)
    visit.stage.board.read(7, [Price(InstrumentIdx(1), 11, {"idx": 1, "mark": "101.0000"})])

    _, shown = visit.ask("unsubscribe", channels=[ticked])

    assert (shown["op"], shown["channel"], shown["seq"]) == ("snapshot", "price:1", 11)


def test_no_older_price_that_still_waits_may_follow_a_snapshot(visit):
    visit.ask("subscribe", channels=["price:*"])

    assert visit.link.superseded[-1] == {1, 2}
