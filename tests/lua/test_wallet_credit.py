"""Cases of wallet_credit.lua."""

from dataclasses import replace
from operator import neg

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.ids import TREASURY
from touchline.domain.money import AMOUNT_MAX
from touchline.domain.portfolio import Wallet, credit
from touchline.domain.refusals import Refusal, Refused
from touchline.store.commands import ADJUSTMENT, CreditCommand, Credited
from touchline.store.hashes import wallet_hash
from touchline.store.keys import State, portfolio_channel
from touchline.store.wire import decode_portfolio

from tests.fakes.exchange import ANN, BOB, Exchange, wallet_fields

pytestmark = pytest.mark.external

WELCOME = CreditCommand("g1", ANN, "grant", 100_000_000, "welcome:5", 'hello "Ann"', 1_000)


def test_a_grant_comes_out_of_the_treasury(exchange: Exchange) -> None:
    outcome = exchange.scripts.wallet_credit(WELCOME)

    assert isinstance(outcome, Credited)
    assert dict(outcome.entry) == {
        "k": "grant", "id": "g1", "uid": "5", "kind": "grant", "amount": "100000000",
        "idem": "welcome:5", "note": 'hello "Ann"', "at": "1000", "cash": "100000000",
        "locked": "0", "wv": "1", "tcash": "-100000000", "tv": "1",
        "turn": "1",
    }  # fmt: skip
    assert exchange.entries() == [outcome.entry]
    assert exchange.hot.wallet(ANN) == Wallet(100_000_000, 0, 1)
    assert exchange.hot.wallet(TREASURY) == Wallet(-100_000_000, 0, 1)
    assert exchange.client.smembers(exchange.keys.dirty(State.WALLETS)) == {"0", "5"}


def test_a_grant_is_pushed_to_its_owner(exchange: Exchange) -> None:
    subscriber = exchange.client.pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe(portfolio_channel(ANN))
    message = None
    exchange.scripts.wallet_credit(WELCOME)

    while message is None:
        message = subscriber.get_message(timeout=1)

    event = decode_portfolio(message["data"])
    assert event is not None
    assert (event.name, event.seq) == ("wallet", 1)
    assert (event.push.kind, event.push.amount_e4, event.push.cash_e4) == (
        "grant", 100_000_000, 100_000_000,
    )  # fmt: skip


def test_a_grant_is_paid_once_and_remembered_for_ever(exchange: Exchange) -> None:
    first = exchange.scripts.wallet_credit(WELCOME)
    before = exchange.dump()

    again = exchange.scripts.wallet_credit(replace(WELCOME, entry_id="g2", now_ms=9_999))

    assert isinstance(first, Credited)
    assert again == Credited(first.entry, None)
    assert exchange.dump() == before
    assert exchange.client.ttl(exchange.keys.idem(ANN, "welcome:5")) == -1


def test_a_grants_key_cannot_serve_another_amount(exchange: Exchange) -> None:
    exchange.scripts.wallet_credit(WELCOME)

    outcome = exchange.scripts.wallet_credit(replace(WELCOME, amount_e4=1))

    assert outcome == Refused(Refusal.IDEMPOTENCY_KEY_REUSED)


def test_a_wallet_never_holds_more_than_is_exact(exchange: Exchange) -> None:
    exchange.fund(ANN, AMOUNT_MAX)
    before = exchange.dump()

    too_much_for_ann = exchange.fund(ANN, 1)
    too_much_for_the_treasury = exchange.fund(BOB, 1)

    assert too_much_for_ann == Refused(Refusal.AMOUNT_LIMIT_EXCEEDED)
    assert too_much_for_the_treasury == Refused(Refusal.AMOUNT_LIMIT_EXCEEDED)
    assert exchange.dump() == before
    assert exchange.hot.wallet(ANN).cash_e4 == AMOUNT_MAX


@pytest.mark.parametrize(
    "command",
    [
        replace(WELCOME, amount_e4=0),
        replace(WELCOME, amount_e4=-1),
        replace(WELCOME, amount_e4=0, kind=ADJUSTMENT),
        replace(WELCOME, user=TREASURY),
    ],
)
def test_a_credit_is_of_something_to_somebody(exchange: Exchange, command: CreditCommand) -> None:
    with pytest.raises(ValueError, match="not a credit"):
        exchange.scripts.wallet_credit(command)


TAKEN = replace(WELCOME, entry_id="t1", kind=ADJUSTMENT, amount_e4=-40, idem_key="audit:7")


def test_what_is_taken_back_goes_to_the_treasury(exchange: Exchange) -> None:
    exchange.scripts.wallet_credit(WELCOME)

    outcome = exchange.scripts.wallet_credit(TAKEN)

    assert isinstance(outcome, Credited)
    assert outcome.entry.items() >= {"kind": "adjustment", "amount": "-40"}.items()
    assert exchange.hot.wallet(ANN) == Wallet(99_999_960, 0, 2)
    assert exchange.hot.wallet(TREASURY) == Wallet(-99_999_960, 0, 2)


def test_what_was_taken_once_is_taken_once(exchange: Exchange) -> None:
    exchange.scripts.wallet_credit(WELCOME)
    exchange.scripts.wallet_credit(TAKEN)
    before = exchange.dump()

    again = exchange.scripts.wallet_credit(replace(TAKEN, entry_id="t2"))

    assert isinstance(again, Credited)
    assert again.entry_id is None
    assert exchange.dump() == before


def test_no_more_is_taken_than_is_free(exchange: Exchange) -> None:
    wallet = Wallet(100, 1_000, 3, reserved_e4=70)
    exchange.client.hset(exchange.keys.wallet(ANN), mapping=wallet_fields(wallet))
    before = exchange.dump()

    refused = exchange.scripts.wallet_credit(replace(TAKEN, amount_e4=-31))

    details = {"required_e4": 31, "available_e4": 30}
    assert refused == Refused(Refusal.INSUFFICIENT_FUNDS, details)
    assert exchange.dump() == before
    assert isinstance(exchange.scripts.wallet_credit(replace(TAKEN, amount_e4=-30)), Credited)
    assert exchange.hot.wallet(ANN) == replace(wallet, cash_e4=70, version=4)
    exchange.client.flushdb()  # where the money came from nobody can prove


_amounts = st.integers(1, AMOUNT_MAX) | st.integers(AMOUNT_MAX - 2, AMOUNT_MAX)


@settings(max_examples=40)
@given(
    cash_e4=_amounts,
    treasury_e4=st.one_of(_amounts, _amounts.map(neg)),
    amount_e4=st.one_of(_amounts, _amounts.map(neg)),
    set_aside_e4=st.sampled_from([0, 0, 1, 10**6, AMOUNT_MAX]),
    version=st.integers(0, 2**52),
)
def test_the_script_credits_as_its_twin_does(
    exchange: Exchange,
    cash_e4: int,
    treasury_e4: int,
    amount_e4: int,
    set_aside_e4: int,
    version: int,
) -> None:
    exchange.client.flushdb()
    before = (
        Wallet(cash_e4, 7, version, reserved_e4=set_aside_e4),
        Wallet(treasury_e4, 0, version),
    )
    exchange.client.hset(exchange.keys.wallet(ANN), mapping=wallet_fields(before[0]))
    exchange.client.hset(exchange.keys.wallet(TREASURY), mapping=wallet_hash(before[1]))

    outcome = exchange.scripts.wallet_credit(replace(TAKEN, amount_e4=amount_e4))

    expected = credit(*before, amount_e4)
    stored = exchange.hot.wallet(ANN), exchange.hot.wallet(TREASURY)
    if isinstance(expected, Refused):
        assert (outcome, stored) == (expected, before)
    else:
        assert stored == expected
        assert sum(each.cash_e4 for each in stored) == sum(each.cash_e4 for each in before)
        assert amount_e4 > 0 or stored[0].cash_e4 >= set_aside_e4
    exchange.client.flushdb()
