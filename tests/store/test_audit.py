"""What operators did: a row before it, completed after it, and one act for each key."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from touchline.store.audit import (
    DONE,
    HELD_S,
    TARGET_MAX,
    Asked,
    Audit,
    Begun,
    OtherRequest,
    Settled,
    Sought,
    UnderWay,
)
from touchline.store.postgres import Postgres

ASKED = Asked(
    actor="user 7",
    action="users.change",
    target="user 9",
    request={"status": "suspended", "reason": "spam"},
    session="0199f6a0-0000-7000-8000-000000000000",
    key="k-1",
    request_id="r-1",
    ip="192.0.2.7",
)
OUTCOME = Settled(DONE, 200, {"id": 9}, {"status": "active"}, {"status": "suspended"})


@pytest.fixture
def audit(pg: Postgres) -> Audit:
    return Audit(pg)


def begun(audit: Audit, asked: Asked = ASKED) -> Begun:
    found = audit.begin(asked)
    assert isinstance(found, Begun)
    return found


def grow_old(pg: Postgres, seconds: int) -> None:
    with pg.transaction() as cursor:
        cursor.execute(
            "UPDATE audit_log SET tried_at = tried_at - %s * INTERVAL '1 second'", (seconds,)
        )


def test_what_is_asked_for_is_there_before_it_is_done(audit: Audit) -> None:
    begun(audit)

    (line,) = audit.page(Sought(), 10)
    assert (line.asked, line.settled) == (replace(ASKED, key=None), None)


def test_what_came_of_it_completes_the_row(audit: Audit) -> None:
    audit.settle(begun(audit), OUTCOME)

    (line,) = audit.page(Sought(), 10)
    assert line.settled == replace(OUTCOME, answer=None)


def test_what_was_said_first_stays_said(audit: Audit) -> None:
    row = begun(audit)
    audit.settle(row, OUTCOME)

    audit.settle(row, Settled("NOT_FOUND", 404))

    assert audit.begin(ASKED) == OUTCOME


def test_the_same_key_and_request_find_the_outcome(audit: Audit) -> None:
    audit.settle(begun(audit), OUTCOME)

    assert audit.begin(replace(ASKED, request_id="r-2", ip=None)) == OUTCOME
    assert len(audit.page(Sought(), 10)) == 1


@pytest.mark.parametrize(
    "changes", [{"request": {}}, {"target": "user 8"}, {"action": "wallet.adjust"}]
)
def test_a_key_is_good_for_one_request(audit: Audit, changes: dict[str, object]) -> None:
    begun(audit)

    other: object = replace(ASKED, **changes)  # type: ignore[arg-type]  # of any field
    assert isinstance(other, Asked)
    assert audit.begin(other) == OtherRequest()


def test_keys_are_those_of_one_admin(audit: Audit) -> None:
    begun(audit)

    assert isinstance(audit.begin(replace(ASKED, actor="user 8")), Begun)


def test_what_was_refused_may_be_tried_again_under_its_key(audit: Audit) -> None:
    first = begun(audit)
    audit.settle(first, Settled("NOT_FOUND", 404))

    assert begun(audit) != first
    assert [line.settled and line.settled.outcome for line in audit.page(Sought(), 10)] == [
        None,
        "NOT_FOUND",
    ]


def test_what_is_under_way_is_not_begun_again(audit: Audit, pg: Postgres) -> None:
    begun(audit)
    grow_old(pg, HELD_S - 5)

    assert audit.begin(ASKED) == UnderWay()


def test_what_somebody_died_at_is_begun_again_under_the_same_row(
    audit: Audit, pg: Postgres
) -> None:
    first = begun(audit)
    grow_old(pg, HELD_S + 1)

    assert audit.begin(ASKED) == first
    assert audit.begin(ASKED) == UnderWay()


def test_what_was_let_go_is_begun_again_at_once(audit: Audit) -> None:
    first = begun(audit)
    audit.let_go(first)

    assert audit.begin(ASKED) == first


def test_without_a_key_each_is_an_act_of_its_own(audit: Audit) -> None:
    assert begun(audit, replace(ASKED, key=None)) != begun(audit, replace(ASKED, key=None))


def test_an_act_may_be_settled_in_its_own_transaction(audit: Audit, pg: Postgres) -> None:
    row = begun(audit)

    with suppress(ZeroDivisionError), pg.transaction() as cursor:
        audit.settle_in(cursor, row, OUTCOME)
        raise ZeroDivisionError
    undone = audit.page(Sought(), 10)[0].settled
    with pg.transaction() as cursor:
        audit.settle_in(cursor, row, OUTCOME)

    assert undone is None
    assert audit.begin(ASKED) == OUTCOME


def test_rows_are_found_by_who_what_and_whom(audit: Audit) -> None:
    rows = [
        begun(audit, replace(ASKED, key=None, **{name: value})).id
        for name, value in (("actor", "user 8"), ("action", "x.y"), ("target", "user 1"))
    ]

    sought = (Sought(actor="user 8"), Sought(action="x.y"), Sought(target="user 1"))
    assert [[line.id for line in audit.page(each, 10)] for each in sought] == [
        [row] for row in rows
    ]
    assert [line.id for line in audit.page(Sought(before=rows[2]), 10)] == [rows[1], rows[0]]
    assert [line.id for line in audit.page(Sought(), 1)] == [rows[2]]


def test_texts_that_postgres_cannot_hold_are_shown_otherwise(audit: Audit) -> None:
    begun(audit, replace(ASKED, target="a\0" + "b" * 3000, request={"x": "a\0b"}))

    (line,) = audit.page(Sought(), 10)
    assert line.asked.target == ("a\ufffd" + "b" * 3000)[:TARGET_MAX]
    assert line.asked.request == {"x": "a\ufffdb"}


def test_what_was_noted_of_an_act_stays_when_a_repeat_completes_it(
    audit: Audit, pg: Postgres
) -> None:
    row = begun(audit)
    with pg.transaction() as cursor:
        audit.note_in(cursor, row, {"to": 0}, {"to": 1})
    (half,) = audit.page(Sought(), 10)
    audit.let_go(row)

    again = begun(audit)
    with pg.transaction() as cursor:
        audit.note_in(cursor, again, {"to": 1}, {"to": 1})
    audit.settle(again, Settled(DONE, 200, None, {"to": 1}, {"to": 1}))

    (line,) = audit.page(Sought(), 10)
    assert (half.settled, half.before, half.after) == (None, {"to": 0}, {"to": 1})
    assert line.settled == Settled(DONE, 200, None, {"to": 0}, {"to": 1})


def test_what_is_noted_of_an_act_that_fails_is_not_there(audit: Audit, pg: Postgres) -> None:
    row = begun(audit)

    with suppress(ZeroDivisionError), pg.transaction() as cursor:
        audit.note_in(cursor, row, {"to": 0}, {"to": 1})
        raise ZeroDivisionError

    assert audit.page(Sought(), 10)[0].before is None
