"""Users and their money, as admins see and change them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis as redis_module
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.ids import TREASURY
from touchline.domain.statement import Statement
from touchline.store.statements import Statements
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader
from tests.api.position_cases import opened

USERS = "/v1/admin/users"


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def version(operator: Trader, user: object) -> int:
    """That of the rights of *user*, as an admin reads it; 0 of who does not exist."""
    shown: dict[str, Any] = operator.get(f"{USERS}/{user}").get_json()
    return int(shown.get("version", 0))


def change(
    operator: Trader, user: object, known: int | None = None, **body: object
) -> TestResponse:
    """Change the rights of *user* because of spam, as read just now or as *known*."""
    number = version(operator, user) if known is None else known
    headers = operator.auth | {"If-Match": f'W/"{number}"'}
    return operator.api.client.patch(
        f"{USERS}/{user}", json={"reason": "spam"} | body, headers=headers
    )


def adjust(
    operator: Trader, user: object, amount: str, key: str | None = None, reason: str = "a mistake"
) -> TestResponse:
    """Give *user* money, or take it back."""
    path = f"{USERS}/{user}/wallet-adjustments"
    return operator.act(path, {"amount": amount, "reason": reason}, key)


def test_users_are_listed_and_searched(operator: Trader, ada: Trader) -> None:
    all_ = operator.get(USERS).get_json()
    found = operator.get(f"{USERS}?q=ADA&role=user&status=active").get_json()

    assert [each["email"] for each in all_["data"]] == ["ada@example.com", "op@example.com"]
    assert [each["id"] for each in found["data"]] == [ada.id]
    assert found["data"][0].keys() == {
        "id", "email", "display_name", "role", "status", "is_bot", "created_at", "last_login_at",
        "version",
    }  # fmt: skip


def test_users_come_in_pages(operator: Trader, ada: Trader) -> None:
    first = operator.get(f"{USERS}?limit=1").get_json()
    rest = operator.get(f"{USERS}?limit=1&cursor={first['next_cursor']}").get_json()
    other = operator.get(f"{USERS}?q=a&cursor={first['next_cursor']}")

    assert [each["id"] for each in first["data"] + rest["data"]] == [ada.id, operator.id]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert code(other) == (400, "CURSOR_INVALID")


def test_one_user_is_shown_with_the_version_to_change_them_by(
    operator: Trader, ada: Trader
) -> None:
    first = operator.get(f"{USERS}/{ada.id}")
    changed = change(operator, ada.id, status="suspended")

    assert (first.get_json()["email"], first.headers["ETag"]) == ("ada@example.com", 'W/"0"')
    assert (changed.get_json()["version"], changed.headers["ETag"]) == (1, 'W/"1"')
    assert operator.get(f"{USERS}/{ada.id}").headers["ETag"] == 'W/"1"'
    assert code(operator.get(f"{USERS}/{10**9}")) == (404, "USER_UNKNOWN")


def test_of_two_admins_who_change_a_user_the_second_has_to_look_again(
    operator: Trader, ada: Trader
) -> None:
    seen = version(operator, ada.id)
    change(operator, ada.id, seen, status="suspended")

    late = change(operator, ada.id, seen, role="admin")

    assert code(late) == (412, "PRECONDITION_FAILED")
    assert late.get_json()["version"] == 1
    assert operator.get(f"{USERS}/{ada.id}").get_json()["role"] == "user"
    assert operator.audit()[0]["outcome"] == "PRECONDITION_FAILED"


def test_a_change_of_a_user_has_to_name_what_it_changes(operator: Trader, ada: Trader) -> None:
    path, wanted = f"{USERS}/{ada.id}", {"reason": "spam", "status": "suspended"}

    without = operator.api.client.patch(path, json=wanted, headers=operator.auth)
    headers = operator.auth | {"If-Match": '"x"'}
    unreadable = operator.api.client.patch(path, json=wanted, headers=headers)

    assert code(without) == (428, "PRECONDITION_REQUIRED")
    assert code(unreadable) == (400, "VALIDATION")
    assert operator.get(path).get_json()["status"] == "active"


def test_the_same_change_sent_again_is_one_act(operator: Trader, ada: Trader) -> None:
    first, again = (change(operator, ada.id, 0, status="suspended") for _ in range(2))
    change(operator, ada.id, status="active")
    late = change(operator, ada.id, 0, status="suspended")

    assert (again.status_code, again.get_json()) == (200, first.get_json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert code(late) == (412, "PRECONDITION_FAILED")
    assert [line["after"]["status"] for line in operator.audit()] == ["active", "suspended"]


def test_who_is_suspended_is_out_at_once_and_stays_out(
    api: Api, operator: Trader, ada: Trader
) -> None:
    login = {"email": "ada@example.com"}
    refresh = api.client.post("/v1/auth/dev-login", json=login).get_json()["refresh_token"]

    answer = change(operator, ada.id, status="suspended")

    assert (answer.status_code, answer.get_json()["status"]) == (200, "suspended")
    assert code(ada.get("/v1/me")) == (401, "TOKEN_INVALID")
    assert code(ada.order()) == (401, "TOKEN_INVALID")
    assert code(api.client.post("/v1/auth/dev-login", json=login)) == (403, "ACCOUNT_SUSPENDED")
    again = api.client.post("/v1/auth/refresh", json={"refresh_token": refresh})
    assert code(again) == (403, "ACCOUNT_SUSPENDED")
    assert len(api.deps.revocations.since(None)[1]) == 2


def test_who_is_brought_back_signs_in_again(api: Api, operator: Trader, ada: Trader) -> None:
    change(operator, ada.id, status="suspended")

    answer = change(operator, ada.id, status="active")

    assert answer.get_json()["status"] == "active"
    assert code(ada.get("/v1/me")) == (401, "TOKEN_INVALID")
    assert api.sign_in().get("/v1/me").status_code == 200


def test_a_role_is_given_and_taken_at_once(api: Api, operator: Trader, ada: Trader) -> None:
    change(operator, ada.id, role="admin")
    admin = api.sign_in()
    before = admin.get(USERS).status_code
    change(operator, ada.id, role="user")

    assert before == 200
    assert code(admin.get(USERS)) == (401, "TOKEN_INVALID")
    assert code(api.sign_in().get(USERS)) == (403, "FORBIDDEN")


def test_a_change_leaves_what_was_and_what_is(operator: Trader, ada: Trader) -> None:
    change(operator, ada.id, status="suspended")

    (line,) = operator.audit()
    assert (line["action"], line["target"]) == ("user.change", f"user {ada.id}")
    assert line["request"] == {"reason": "spam", "status": "suspended", "role": None}
    assert line["before"] == {"role": "user", "status": "active"}
    assert line["after"] == {"role": "user", "status": "suspended"}


@pytest.mark.parametrize("body", [{"status": "suspended"}, {"role": "user"}])
def test_admins_cannot_lock_themselves_out(
    operator: Trader, ada: Trader, body: dict[str, str]
) -> None:
    change(operator, ada.id, role="admin")

    answer = change(operator, operator.id, **body)

    assert code(answer) == (409, "OWN_ACCOUNT")
    assert operator.get(USERS).status_code == 200
    assert operator.audit()[0]["outcome"] == "OWN_ACCOUNT"


def test_whoever_lost_the_role_a_moment_ago_changes_nobody(
    api: Api, operator: Trader, ada: Trader
) -> None:
    """Their token is good until Redis has heard of it."""
    with api.pg.transaction() as cursor:
        cursor.execute("UPDATE users SET role = 'user' WHERE id = %s", (operator.id,))

    assert code(change(operator, ada.id, role="admin")) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"status": "deleted"}, "/status"),
        ({"role": "king"}, "/role"),
        ({"status": "suspended", "reason": ""}, "/reason"),
        ({"status": "suspended", "reason": " \n"}, "/reason"),
        ({"status": "suspended", "reason": "x" * 501}, "/reason"),
        ({"status": "suspended", "reason": "a\0b"}, "/reason"),
        ({"status": "suspended", "cash": 1}, "/cash"),
    ],
)
def test_what_a_change_does_not_take_is_named(
    operator: Trader, ada: Trader, body: dict[str, object], pointer: str
) -> None:
    answer = change(operator, ada.id, **body)

    assert code(answer) == (400, "VALIDATION")
    assert [each["pointer"] for each in answer.get_json()["errors"]] == [pointer]
    assert operator.audit() == []


@pytest.mark.parametrize("name", ["0", "-1", "01", "ada", "9" * 18, "9" * 19, "%00"])
def test_who_does_not_exist_is_not_found(operator: Trader, name: str) -> None:
    assert code(change(operator, name, role="user")) == (404, "USER_UNKNOWN")
    assert code(adjust(operator, name, "1")) == (404, "USER_UNKNOWN")


class Unreachable:
    """Revocations, while Redis cannot be told."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def add(self, *ended: object) -> None:
        raise redis_module.ConnectionError("away")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_a_suspension_that_redis_was_not_told_of_is_completed_by_the_same_again(
    api: Api, operator: Trader, ada: Trader
) -> None:
    blind = replace(operator, api=api.with_(revocations=Unreachable(api.deps.revocations)))

    first = change(blind, ada.id, 0, status="suspended")
    between = ada.get("/v1/account").status_code
    unknown = operator.audit()
    again = change(operator, ada.id, 0, status="suspended")

    assert code(first) == (503, "OUTCOME_UNKNOWN")
    assert (between, again.status_code) == (200, 200)
    assert code(ada.get("/v1/account")) == (401, "TOKEN_INVALID")
    (line,) = operator.audit()
    assert [each["outcome"] for each in unknown] == [None]
    assert (line["outcome"], line["before"]["status"], line["after"]["status"]) == (
        "done",
        "active",
        "suspended",
    )


# -- money ---------------------------------------------------------------------------------------


def test_money_is_given_out_of_the_treasury(api: Api, operator: Trader, ada: Trader) -> None:
    treasury = api.deps.hot.wallet(TREASURY).cash_e4

    answer = adjust(operator, ada.id, "12.5")

    told = answer.get_json()
    assert answer.status_code == 201
    assert told.items() >= {
        "user_id": ada.id, "amount": "12.5000", "cash": "10012.5000", "locked": "0.0000",
        "durable": "postgres",
    }.items()  # fmt: skip
    assert api.deps.hot.wallet(TREASURY).cash_e4 == treasury - 125_000
    assert ada.get("/v1/account").get_json()["cash"] == "10012.5000"


def test_an_adjustment_is_in_the_ledger_and_in_the_statement(
    api: Api, operator: Trader, ada: Trader
) -> None:
    adjust(operator, ada.id, "-12.5", reason="paid twice")

    (line,) = operator.audit()
    with api.pg.transaction() as cursor:
        cursor.execute(
            "SELECT kind, amount_e4, counter_user_id, note, idem_key FROM wallet_ledger"
            " WHERE user_id = %s AND kind <> 'grant'",
            (ada.id,),
        )
        rows = cursor.fetchall()
    assert rows == [("adjustment", -125_000, 0, "paid twice", f"audit:{line['id']}")]
    assert (line["before"], line["after"]) == ({"cash": "10000.0000"}, {"cash": "9987.5000"})
    assert line["request"] == {"amount": "-12.5", "reason": "paid twice"}
    with Statements(api.pg).account(ada.id) as account:
        statement = Statement(account.row())
        posted = [statement.add(posting).posting for posting in account.postings()]
    assert [(each.kind, each.amount_e4, each.note) for each in posted][1:] == [
        ("adjustment", -125_000, "paid twice")
    ]
    assert statement.agrees


def test_an_adjustment_sent_again_is_made_once(api: Api, operator: Trader, ada: Trader) -> None:
    first, again = (adjust(operator, ada.id, "5", "once") for _ in range(2))

    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert api.deps.hot.wallet(ada.id).cash_e4 == 100_050_000
    assert code(adjust(operator, ada.id, "6", "once")) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert code(adjust(operator, operator.id, "5", "once")) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_one_that_was_made_and_not_heard_of_is_made_once(
    api: Api, operator: Trader, ada: Trader
) -> None:
    """The process died between the script and the row; the same request completes the row."""
    made = adjust(operator, ada.id, "5", "once")
    with api.pg.transaction() as cursor:
        cursor.execute(
            "UPDATE audit_log SET outcome = NULL, done_at = NULL, answer = NULL, tried_at = NULL"
        )

    again = adjust(operator, ada.id, "5", "once")

    assert (again.status_code, again.get_json()) == (201, made.get_json())
    assert api.deps.hot.wallet(ada.id).cash_e4 == 100_050_000
    assert [line["outcome"] for line in operator.audit()] == ["done"]


def test_what_is_locked_or_set_aside_is_not_taken(api: Api, operator: Trader, ada: Trader) -> None:
    opened(ada)
    wallet = api.deps.hot.wallet(ada.id)
    api.redis.hset(f"wallet:{ada.id}", "rsv", "70000000")
    free = f"{(wallet.cash_e4 - 70_000_000) / 10_000:.4f}"
    more = f"{(wallet.cash_e4 - 70_000_000 + 1) / 10_000:.4f}"

    refused = adjust(operator, ada.id, f"-{more}")
    taken = adjust(operator, ada.id, f"-{free}")

    assert code(refused) == (422, "INSUFFICIENT_FUNDS")
    assert refused.get_json()["available"] == free
    assert [each["pointer"] for each in refused.get_json()["errors"]] == ["/amount"]
    assert taken.status_code == 201
    assert api.deps.hot.wallet(ada.id).cash_e4 == 70_000_000
    assert [line["outcome"] for line in operator.audit()] == ["done", "INSUFFICIENT_FUNDS"]


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", (400, "QUANTITY_INVALID")),
        ("-0", (400, "QUANTITY_INVALID")),
        ("--1", (400, "QUANTITY_INVALID")),
        ("+1", (400, "QUANTITY_INVALID")),
        ("1.00001", (400, "QUANTITY_PRECISION_EXCEEDED")),
        ("900000000000", (422, "AMOUNT_LIMIT_EXCEEDED")),
        (1, (400, "VALIDATION")),
    ],
)
def test_an_amount_that_is_none_moves_nothing(
    api: Api, operator: Trader, ada: Trader, amount: Any, said: tuple[int, str]
) -> None:
    before = api.stored()

    answer = adjust(operator, ada.id, amount)

    assert code(answer) == said
    assert answer.get_json()["errors"]
    assert api.stored() == before


def test_a_reason_has_to_be_given(operator: Trader, ada: Trader) -> None:
    answer = operator.act(f"{USERS}/{ada.id}/wallet-adjustments", {"amount": "1"})

    assert code(answer) == (400, "VALIDATION")


def test_who_never_had_a_wallet_gets_the_start_balance_first(api: Api, operator: Trader) -> None:
    user = api.deps.users.sign_in("new@example.com")
    assert user is not None

    answer = adjust(operator, user.id, "1")

    assert code(answer) == (409, "WALLET_MISSING")
    assert api.sign_in("new@example.com").get("/v1/account").get_json()["cash"] == "10000.0000"


_amounts = st.integers(-(10**9), 10**9).filter(bool)


@settings(max_examples=15)
@given(steps=st.lists(st.tuples(st.booleans(), _amounts), min_size=1, max_size=8))
def test_whatever_is_adjusted_no_coin_appears_or_goes(
    api: Api, operator: Trader, ada: Trader, steps: list[tuple[bool, int]]
) -> None:
    """And whoever owns nothing free keeps what they have."""
    ben = api.sign_in("ben@example.com")
    users = (TREASURY, ben.id, ada.id)
    for to_ada, amount_e4 in steps:
        before = api.deps.hot.wallet(ada.id if to_ada else ben.id)
        sign, amount = ("-" if amount_e4 < 0 else ""), abs(amount_e4)
        text = f"{sign}{amount // 10_000}.{amount % 10_000:04d}"

        answer = adjust(operator, ada.id if to_ada else ben.id, text)

        after = api.deps.hot.wallet(ada.id if to_ada else ben.id)
        moved = amount_e4 if before.cash_e4 + amount_e4 >= 0 else 0
        assert (answer.status_code == 201) == bool(moved)
        assert after.cash_e4 == before.cash_e4 + moved
        own = api.deps.hot.wallet(operator.id).cash_e4
        assert sum(api.deps.hot.wallet(user).cash_e4 for user in users) + own == 0


@pytest.mark.parametrize("amount", ["5", "-5"])
def test_nobody_adjusts_their_own_wallet(api: Api, operator: Trader, amount: str) -> None:
    before = api.deps.hot.wallet(operator.id)

    answer = adjust(operator, operator.id, amount)

    assert code(answer) == (403, "OWN_WALLET")
    assert answer.get_json()["errors"][0]["pointer"] == "/id"
    assert api.deps.hot.wallet(operator.id) == before
    assert operator.audit()[0]["outcome"] == "OWN_WALLET"
