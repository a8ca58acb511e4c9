"""Wishes for portfolios: kept from when they are heard, fulfilled once they can be."""

from __future__ import annotations

import pytest
from touchline.actors.hub.wishes import Wanted, Wishes
from touchline.domain.ids import UserId

ANN, BOB, CID = UserId(5), UserId(6), UserId(7)


@pytest.mark.parametrize(
    ("wishes", "wanted"),
    [
        ([None], Wanted(snapshot=True)),
        ([7], Wanted(after=7)),
        ([7, 5, 9], Wanted(after=5)),
        ([0, 5], Wanted(after=0)),
        ([7, None], Wanted(snapshot=True, after=7)),
        ([None, 7], Wanted(snapshot=True, after=7)),
    ],
)
def test_wishes_of_one_user_are_one(wishes: list[int | None], wanted: Wanted):
    all_wishes = Wishes()
    for after in wishes:
        all_wishes.add(ANN, after)
    all_wishes.release(ANN)

    assert all_wishes.take(9) == {ANN: wanted}
    assert ANN not in all_wishes


def test_a_wish_is_due_once_it_can_be_fulfilled_and_the_oldest_is_first():
    wishes = Wishes()
    for user in (ANN, BOB, CID):
        wishes.add(user, None)
    wishes.release(UserId(99))
    assert not wishes.due

    for user in (CID, ANN):
        wishes.release(user)

    assert list(wishes.take(1)) == [CID]
    assert wishes.due
    assert list(wishes.take(9)) == [ANN]
    assert not wishes.due
    assert BOB in wishes


def test_what_was_dropped_is_no_wish_any_more():
    wishes = Wishes()
    wishes.add(ANN, 7)
    wishes.release(ANN)

    wishes.drop(ANN)
    wishes.drop(BOB)

    assert not wishes.due
    wishes.release(ANN)
    assert wishes.take(9) == {}
