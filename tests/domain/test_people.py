"""Who may change whose rights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.ids import UserId
from touchline.domain.people import Denied, Role, Standing, StandingWanted, Status, changed

ANN, BOB, CAT = UserId(1), UserId(2), UserId(3)
USER = Standing(Role.USER, Status.ACTIVE)
ADMIN = Standing(Role.ADMIN, Status.ACTIVE)
SUSPENDED = Standing(Role.USER, Status.SUSPENDED)


def test_an_admin_suspends_and_brings_back() -> None:
    assert changed(USER, StandingWanted(status=Status.SUSPENDED), BOB, ANN, {ANN}) == SUSPENDED
    assert changed(SUSPENDED, StandingWanted(status=Status.ACTIVE), BOB, ANN, {ANN}) == USER


def test_what_is_not_wanted_otherwise_stays() -> None:
    assert changed(SUSPENDED, StandingWanted(), BOB, ANN, {ANN}) == SUSPENDED


def test_who_is_no_admin_any_more_changes_nobody() -> None:
    wanted = StandingWanted(Role.ADMIN)

    assert changed(USER, wanted, BOB, ANN, {CAT}) is Denied.NOT_ADMIN
    assert changed(USER, wanted, ANN, ANN, {CAT}) is Denied.NOT_ADMIN


@pytest.mark.parametrize(
    "wanted", [StandingWanted(Role.USER), StandingWanted(status=Status.SUSPENDED)]
)
def test_nobody_takes_their_own_rights_away(wanted: StandingWanted) -> None:
    assert changed(ADMIN, wanted, ANN, ANN, {ANN, BOB}) is Denied.OWN_ACCOUNT


def test_one_admin_is_left_whoever_asks() -> None:
    wanted = StandingWanted(Role.USER)

    assert changed(ADMIN, wanted, ANN, None, {ANN}) is Denied.LAST_ADMIN
    assert changed(ADMIN, wanted, ANN, None, {ANN, BOB}) == USER


def test_a_deleted_user_stays_deleted() -> None:
    deleted = Standing(Role.USER, Status.DELETED)

    assert changed(deleted, StandingWanted(Role.ADMIN), BOB, ANN, {ANN}) is Denied.UNKNOWN


_wishes = st.tuples(
    st.sampled_from([ANN, BOB, CAT, None]),
    st.sampled_from([ANN, BOB, CAT]),
    st.builds(
        StandingWanted,
        st.none() | st.sampled_from(Role),
        st.none() | st.sampled_from([Status.ACTIVE, Status.SUSPENDED]),
    ),
)


@given(wishes=st.lists(_wishes, max_size=30))
def test_there_is_always_an_admin_whatever_everybody_wishes(
    wishes: list[tuple[UserId | None, UserId, StandingWanted]],
) -> None:
    standings = {ANN: ADMIN, BOB: ADMIN, CAT: USER}
    for by, user, wanted in wishes:
        admins = {each for each, standing in standings.items() if standing.admin}
        after = changed(standings[user], wanted, user, by, admins)
        if isinstance(after, Standing):
            assert by is None or by in admins
            standings[user] = after

        assert any(standing.admin for standing in standings.values())
