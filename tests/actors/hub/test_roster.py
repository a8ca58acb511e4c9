"""Who listens to what: the indexes always agree with the clients."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from touchline.actors.hub.channels import Channels, GroupKey
from touchline.actors.hub.floor import Floor
from touchline.actors.hub.roster import Client, Roster
from touchline.domain.ids import InstrumentIdx, UserId

from tests.fakes.hub import RecordingLink

ANN, BOB = UserId(5), UserId(6)
ONE, TWO = InstrumentIdx(1), InstrumentIdx(2)


def client(user: UserId = ANN) -> Client:
    return Client(RecordingLink(), user, number=1, opened_at=0.0)


def members(roster: Roster) -> dict[GroupKey, set[Client]]:
    found: dict[GroupKey, set[Client]] = {}
    for each in roster._floor.of(0):
        found.setdefault(each.group, set()).add(each)
    return found


def indexes(roster: Roster) -> list[dict[Any, Any]]:
    found = (
        roster.by_user,
        members(roster),
        roster.ticked,
        roster.followers,
        roster.listeners,
    )
    return [dict(each) for each in found]


def test_only_the_first_to_join_and_the_last_to_leave_change_a_users_presence():
    roster, first, second = Roster(0, Floor()), client(), client()

    assert roster.join(first)
    assert not roster.join(second)
    assert not roster.leave(first)
    assert roster.leave(second)
    assert not roster.leave(second)


def test_clients_with_the_same_prices_form_a_group_and_all_prices_are_one_of_their_own():
    roster, one, other, all_prices = Roster(0, Floor()), client(), client(BOB), client(BOB)
    for each in (one, other, all_prices):
        roster.join(each)

    roster.listen(one, Channels(frozenset({ONE, TWO})))
    roster.listen(other, Channels(frozenset({TWO, ONE}), portfolio=True))
    roster.listen(all_prices, Channels(frozenset({ONE}), all_prices=True))

    assert members(roster) == {frozenset({ONE, TWO}): {one, other}, None: {all_prices}}
    assert roster.followers == {BOB: {other}}


def test_a_client_that_left_cannot_be_subscribed_any_more():
    roster, gone = Roster(0, Floor()), client()
    roster.join(gone)
    roster.leave(gone)

    roster.listen(gone, Channels(frozenset({ONE}), portfolio=True))

    assert not members(roster)
    assert not roster.follows(ANN)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.sampled_from(["join", "leave", "listen", "rebuild"]),
            st.frozensets(st.sampled_from([ONE, TWO])),
            st.booleans(),
            st.booleans(),
            st.frozensets(st.sampled_from(["fixture:8", "fixture:9"])),
            st.booleans(),
        ),
        max_size=50,
    )
)
def test_after_anything_the_indexes_are_what_a_rebuild_makes_of_the_clients(steps):
    roster = Roster(0, Floor())
    clients = [client(UserId(n % 2)) for n in range(5)]

    for number, step, prices, all_prices, portfolio, told, every_tick in steps:
        match step:
            case "join":
                roster.join(clients[number])
            case "leave":
                roster.leave(clients[number])
            case "listen":
                channels = Channels(prices, all_prices, portfolio, told)
                if every_tick:
                    channels |= Channels(ticks=prices & {ONE}, all_ticks=not all_prices)
                roster.listen(clients[number], channels)
            case "rebuild":
                roster.rebuild()
    kept = indexes(roster)
    roster.rebuild()

    assert indexes(roster) == kept
    assert set().union(*roster.by_user.values()) == set(roster.clients)
