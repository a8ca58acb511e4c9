"""What a sender can make long is not looked at again and again: the work grows as the text does."""

from __future__ import annotations

import pytest
from touchline.domain.names import NameFault, display_name
from touchline.http.accepting import rather
from touchline.http.problems import Refuse
from touchline.http.sessions import RefreshWanted
from touchline.http.validate import parsed

from tests.api.conftest import Api


def a_name(size: int) -> str:
    return '{" - at `$' + "[" * size + '": 1}'


def refused(body: str) -> Refuse:
    with pytest.raises(Refuse) as caught:
        parsed(body.encode(), RefreshWanted)
    return caught.value


def test_a_long_name_is_refused_without_being_quoted() -> None:
    problem = refused(a_name(60_000)).problem

    assert (problem.code, problem.errors[0].pointer) == ("VALIDATION", "")
    assert len(problem.detail) < 200
    assert refused('{"colour": 1}').problem.errors[0].pointer == "/colour"


def test_a_long_accept_header_asks_for_nothing() -> None:
    page = "text/html" + " " * 2_000

    assert rather("text/html", "application/json", "text/html") == "text/html"
    assert rather(page, "application/json", "text/html") == "application/json"


def test_a_display_name_is_bounded_before_it_is_composed() -> None:
    assert display_name("\u0327\u0301" * 15_000) is NameFault.LENGTH


def test_a_name_that_is_given_twice_is_named(api: Api) -> None:
    answer = api.client.post(
        "/v1/auth/refresh", data='{"a":1,"b":2,"b":3}', content_type="application/json"
    )

    assert answer.status_code == 400
