"""Quotas: whose they are, what is told of them, and that nobody fills the memory with them."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.quota import Policy, Rates
from touchline.http.api import create_app
from touchline.http.limits import limit_of
from touchline.http.operations import Access, Limit, Operation, operation_of
from touchline.http.quotas import Buckets, Quotas, network

from tests.api.conftest import Api, line
from tests.fakes.clock import FakeClock
from tests.fakes.unlimited import MOST

TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"


@pytest.fixture
def limited(api: Api) -> Api:
    """The API under the limits that are the default."""
    return api.with_(quotas=Quotas(Rates(), api.clock.monotonic))


def only(api: Api, **rates: int) -> Api:
    """The API under the limits given, and no others."""
    free = {"orders": MOST, "reads": MOST, "sign_ins": MOST, "address": MOST}
    return api.with_(quotas=Quotas(Rates(**(free | rates)), api.clock.monotonic))


def test_orders_are_counted_and_the_twenty_first_at_once_is_one_too_many(limited):
    ada = limited.sign_in()

    answers = [ada.order(quantity="0.001") for _ in range(21)]

    assert [answer.status_code for answer in answers] == [201] * 20 + [429]
    assert answers[2].headers["RateLimit-Policy"] == '"orders";q=20;w=2'
    assert answers[2].headers["RateLimit"] == '"orders";r=17;t=1'
    refused = answers[-1]
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit"] == '"orders";r=0;t=2'
    problem = refused.get_json()
    assert (problem["type"], problem["code"]) == (TYPE, "RATE_LIMITED")
    assert problem["violated-policies"] == ["orders"]
    assert refused.content_type == "application/problem+json"


def test_a_refused_order_is_not_looked_at_and_may_be_sent_again(limited):
    ada = limited.sign_in()
    for _ in range(20):
        ada.order(quantity="0.001")
    before = limited.stored()

    refused = ada.order("again", quantity="0.001")

    assert refused.status_code == 429
    assert limited.stored() == before
    limited.clock.advance(0.11)
    assert ada.order("again", quantity="0.001").status_code == 201


def test_a_token_whose_session_is_over_uses_up_nothing_of_its_owners(limited):
    stolen, own = limited.sign_in(), limited.sign_in()
    stolen.post("/v1/auth/logout")

    answers = {stolen.order(quantity="0.001").status_code for _ in range(40)}

    assert answers == {401}
    assert own.order(quantity="0.001").headers["RateLimit"] == '"orders";r=19;t=1'


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/orders?x=1", {400, 429}),
        ("POST", "/v1/orders", {401}),
        ("GET", "/v1/account", {401}),
        ("GET", "/v1/status", {200, 429}),
        ("GET", "/v1/instruments", {200, 429}),
        ("GET", "/v1/leaderboards/week", {200, 429}),
        ("GET", "/v1/admin/users", {401}),
    ],
)
def test_whatever_the_token_of_an_ended_session_asks_for_its_owner_has_all_that_is_left(
    limited, method, path, status
):
    stolen, own = limited.sign_in(), limited.sign_in()
    stolen.post("/v1/auth/logout")

    answers = [stolen.ask(method, path) for _ in range(80)]

    assert {answer.status_code for answer in answers} <= status | {429}
    assert not any("Server-Timing" in answer.headers for answer in answers)
    assert own.order(quantity="0.001").headers["RateLimit"] == '"orders";r=19;t=1'
    assert own.get("/v1/account").headers["RateLimit"] == '"reads";r=59;t=1'


def test_a_token_that_is_good_is_counted_as_its_owners_on_open_routes(limited):
    ada = limited.sign_in()

    answers = [ada.get("/v1/instruments").headers["RateLimit"] for _ in range(2)]

    assert answers == ['"reads";r=59;t=1', '"reads";r=58;t=1']


def test_one_users_orders_are_no_other_users(limited):
    ada, ben = limited.sign_in(), limited.sign_in("ben@example.com")
    for _ in range(25):
        ada.order(quantity="0.001")

    assert ben.order(quantity="0.001").status_code == 201


def test_the_orders_of_a_batch_are_counted_one_by_one(limited):
    ada = limited.sign_in()
    wanted = [line(f"k{n}", quantity="0.001") for n in range(30)]

    assert ada.batch(*wanted).status_code == 200
    limited.clock.advance(1.0)  # 30 were made, 20 were there, and 10 have come since
    assert ada.batch(line("one", quantity="0.001")).status_code == 429
    limited.clock.advance(0.2)

    assert ada.batch(line("one", quantity="0.001")).status_code == 200


def test_of_batches_sent_at_once_the_first_that_is_known_uses_the_quota_up(limited: Api) -> None:
    """However many wait to hear that their session goes on: all are counted after that."""
    ada = limited.sign_in()
    seen: list[int] = []

    class Meanwhile:
        """Sessions that are looked up while others of the same user ask."""

        def __init__(self, real: Any) -> None:
            self._real = real

        def has(self, *who: Any) -> Any:
            if not seen:
                seen.append(0)
                orders = (line(f"b{n}", quantity="0.001") for n in range(50))
                seen[0] = replace(ada, api=slow).batch(*orders).status_code
            return self._real.has(*who)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    slow = limited.with_(revocations=Meanwhile(limited.deps.revocations))
    first = replace(ada, api=slow).batch(*(line(f"a{n}", quantity="0.001") for n in range(50)))

    assert (first.status_code, seen) == (429, [200])
    assert first.headers["RateLimit"] == '"orders";r=0;t=5'


def test_a_batch_of_a_session_that_is_over_costs_its_owner_nothing(limited: Api) -> None:
    stolen, own = limited.sign_in(), limited.sign_in()
    stolen.post("/v1/auth/logout")

    answer = stolen.batch(*(line(f"k{n}") for n in range(50)))

    assert answer.status_code == 401
    assert own.order(quantity="0.001").headers["RateLimit"] == '"orders";r=19;t=1'


def test_a_long_list_counts_by_the_lines_that_were_there(limited: Api) -> None:
    ada = limited.sign_in()
    ada.order(quantity="0.001")

    json, csv = ada.get("/v1/trades?limit=200"), ada.get("/v1/trades", Accept="text/csv")

    assert json.headers["RateLimit"] == '"reads";r=59;t=1'
    assert csv.headers["RateLimit"] == '"reads";r=58;t=1'


def test_lists_of_thousands_of_lines_asked_for_at_once_are_as_many_reads(limited: Api) -> None:
    ada = limited.sign_in()
    statuses: list[int] = []

    class Meanwhile:
        """A ledger that is being read while its reader asks for more."""

        def __init__(self, real: Any) -> None:
            self._real = real
            self._readers = 0

        def trades(self, *args: Any, **kwargs: Any) -> Any:
            self._readers += 1
            if self._readers <= 3:
                statuses.append(export().status_code)
            return self._real.trades(*args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    slow = replace(ada, api=limited.with_(ledger=Meanwhile(limited.deps.ledger)))

    def export() -> Any:
        return slow.get("/v1/trades", Accept="text/csv")

    # 60 reads are there and each takes 25: the third is let in with 10 left, and owes the rest.
    assert export().status_code == 200
    assert sorted(statuses) == [200, 200, 429]


def test_reads_are_bounded_by_user_and_without_a_token_by_address(limited):
    ada = limited.sign_in()

    mine = [ada.get("/v1/account").status_code for _ in range(61)]
    anybodys = [limited.get("/v1/status").status_code for _ in range(61)]

    assert mine == anybodys == [200] * 60 + [429]
    other = limited.client.get("/v1/status", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert other.status_code == 200


def test_a_token_that_is_none_gives_nobody_a_quota_of_their_own(limited):
    answers = [
        limited.get("/v1/account", Authorization=f"Bearer made-up-{n}").status_code
        for n in range(61)
    ]

    assert answers == [401] * 60 + [429]


def test_who_signs_in_is_counted_by_address_whatever_they_say(limited):
    statuses = [
        limited.client.post("/v1/auth/dev-login", json={"email": f"u{n}@example.com"}).status_code
        for n in range(31)
    ]
    refresh = limited.client.post("/v1/auth/refresh", json={"refresh_token": "x"})

    assert statuses == [200] * 30 + [429]
    assert refresh.status_code == 429
    assert refresh.get_json()["violated-policies"] == ["sign-in"]


def test_ws_tokens_are_bounded_by_user(limited):
    ada = limited.sign_in()

    statuses = [ada.post("/v1/ws-token").status_code for _ in range(11)]

    assert statuses == [201] * 10 + [429]


def test_an_address_as_a_whole_is_bounded_before_a_token_is_looked_at(api):
    bounded = only(api, address=3)

    class Unused:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    answers = [bounded.get("/nothing").status_code for _ in range(6)]
    blind = replace(bounded.deps, verifier=Unused())
    refused = create_app(blind).test_client().get("/v1/me", headers={"Authorization": "Bearer x"})

    assert answers == [404] * 6
    assert refused.status_code == 429
    assert refused.get_json()["violated-policies"] == ["address"]


def test_the_health_pages_are_not_counted(api):
    bounded = only(api, address=1)

    assert {bounded.get("/healthz").status_code for _ in range(10)} == {200}


def test_what_was_refused_is_counted_for_operators(limited):
    for _ in range(65):
        limited.get("/v1/status")

    assert limited.deps.quotas.refused == {"reads": 5}


def test_every_route_of_the_api_is_under_the_quota_of_its_kind(api):
    app = create_app(api.deps)

    found = {
        (method, rule.rule): limit_of(rule.rule, method, None)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert (
        found["POST", "/v1/orders"] is found["PATCH", "/v1/positions/<position_id>"] is Limit.ORDERS
    )
    assert found["GET", "/v1/orders"] is found["GET", "/v1/status"] is Limit.READS
    assert found["POST", "/v1/auth/refresh"] is found["POST", "/v1/auth/dev-login"] is Limit.SIGN_IN
    assert found["POST", "/v1/ws-token"] is Limit.WS_TOKEN
    assert found["POST", "/v1/admin/actors/<name>/restart"] is Limit.ADMIN


def test_every_route_of_the_operators_is_under_their_quota(api):
    app = create_app(api.deps)

    found = {
        (method, rule.rule): limit_of(
            rule.rule, method, operation_of(app.view_functions[rule.endpoint])
        )
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/admin/")
    }

    assert len(found) > 20
    assert set(found.values()) == {Limit.ADMIN}


def test_an_operators_token_acts_twenty_times_at_once_and_no_more(limited, operator):
    admin = replace(operator, api=limited)
    halt = {"reason": "prices are looked at"}

    answers = [admin.act("/v1/admin/instruments/17/halt", halt) for _ in range(22)]

    assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 2
    assert answers[-1].get_json()["violated-policies"] == ["admin"]
    assert len(operator.audit(limit="100")) == 20


def test_a_route_may_say_its_quota_itself():
    operation = Operation(answers={}, access=Access.USER, limit=Limit.ORDERS)

    assert limit_of("/v1/dear", "GET", operation) is Limit.ORDERS


def test_of_a_crowd_only_the_latest_are_kept_in_mind():
    clock = FakeClock()
    buckets = Buckets(Policy("p", 1, 1), clock.monotonic, kept=100)

    for number in range(1_000):
        assert buckets.take(number).allowed

    assert len(buckets) == 100
    assert not buckets.take(999).allowed
    assert buckets.take(0).allowed  # forgotten, and so let in


def test_a_crowd_of_addresses_makes_no_user_forgotten(api):
    quotas = Quotas(Rates(orders=1), api.clock.monotonic)
    for _ in range(2):
        quotas.take(Limit.ORDERS, 7, "192.0.2.1")

    for number in range(30_000):
        quotas.take(Limit.READS, None, str(ipaddress.IPv4Address(number)))

    assert not quotas.take(Limit.ORDERS, 7, "192.0.2.1")[1].allowed


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_all_of_a_slash_64_is_one_address(address: ipaddress.IPv6Address, host: int) -> None:
    neighbour = ipaddress.IPv6Address((int(address) >> 64 << 64) | host)
    stranger = ipaddress.IPv6Address(int(address) ^ (1 << 64))

    assert network(str(address)) == network(str(neighbour)) or address.ipv4_mapped
    assert network(str(address)) != network(str(stranger))


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_is_one_however_it_is_written(address: ipaddress.IPv4Address) -> None:
    assert network(str(address)) == network(f"::ffff:{address}") == str(address)


@given(st.text(max_size=40))
def test_what_is_no_address_breaks_nothing(text: str) -> None:
    assert isinstance(network(text), str)
