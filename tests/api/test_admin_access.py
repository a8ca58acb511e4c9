"""Every admin route: closed to everybody else, and each POST has a key."""

from __future__ import annotations

from typing import Any

import pytest
from touchline.http.api import create_app
from touchline.http.operations import Access, operation_of

from tests.api.conftest import Api, Trader

NAMES = {"name": "1", "symbol": "ARS", "idx": "17", "fixture": "1", "id": "1"}


def routes(api: Api) -> list[tuple[str, str, Any]]:
    """Method, path and function of every admin route."""
    app = create_app(api.deps)
    found = []
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/v1/admin/"):
            continue
        values = {name: NAMES.get(name, "1") for name in rule.arguments}
        _, path = rule.build(values, append_unknown=False)  # type: ignore[misc]  # it takes all its values
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            found.append((method, path, app.view_functions[rule.endpoint]))
    return found


def test_there_are_admin_routes(api: Api) -> None:
    assert len(routes(api)) > 10


def test_nobody_else_gets_in(api: Api, ada: Trader) -> None:
    for method, path, _ in routes(api):
        nobody = api.client.open(path, method=method, json={})
        user = api.client.open(path, method=method, json={}, headers=ada.auth)

        assert (nobody.status_code, nobody.get_json()["code"]) == (401, "TOKEN_REQUIRED"), path
        assert (user.status_code, user.get_json()["code"]) == (403, "FORBIDDEN"), path
    with api.pg.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM audit_log")
        assert cursor.fetchone() == (0,)


def test_every_one_says_what_it_takes(api: Api) -> None:
    for method, path, view in routes(api):
        operation = operation_of(view)

        assert operation is not None, path
        assert operation.access is Access.ADMIN, path
        assert operation.keyed == (method == "POST"), path


@pytest.mark.parametrize("key", [None, "not a key"])
def test_no_post_goes_without_a_key(api: Api, operator: Trader, key: str | None) -> None:
    before = api.stored()
    for method, path, _ in routes(api):
        if method != "POST":
            continue
        headers = operator.auth | ({"Idempotency-Key": key} if key else {})

        answer = api.client.open(path, method=method, json={"reason": "why"}, headers=headers)

        # Whatever else is wrong with it may be said first.
        assert 400 <= answer.status_code < 500, path
    assert api.stored() == before
    assert operator.audit() == []
