"""Cases of trade_execute.lua: what it answers, what it writes, what it leaves alone."""

import json
from dataclasses import replace

import pytest
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import UserId
from touchline.domain.instrument import new_instrument
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.commands import Filled, Replayed
from touchline.store.entries import Entry
from touchline.store.hashes import instrument_hash
from touchline.store.keys import State, portfolio_channel, price_channel
from touchline.store.outbox import Outbox
from touchline.store.wire import decode_portfolio, decode_price

from tests.fakes.exchange import ANN, ARS, BOB, EVE, Exchange

pytestmark = pytest.mark.external


@pytest.fixture
def funded(exchange: Exchange) -> Exchange:
    """Ann has 10,000.0000 and 10 shares of ARS bought at the first price."""
    exchange.fund(ANN)
    exchange.order(Side.BUY, 10_000)
    return exchange


def test_a_purchase_moves_money_shares_inventory_and_price(exchange: Exchange) -> None:
    exchange.fund(ANN)

    outcome = exchange.order(Side.BUY, 12_500, trade_id="t", idem_key="k", client_order_id="c")

    assert isinstance(outcome, Filled)
    assert dict(outcome.entry) == {
        "k": "trade", "id": "t", "uid": "5", "idx": "1", "side": "buy", "qty": "12500",
        "px": "1001626", "val": "12520325", "fee": "12521", "rpnl": "0", "seq": "1",
        "tick": "2000-0", "idem": "k", "fp": "fp", "coid": "c", "at": "2000",
        "cash": "87467154", "locked": "0", "wv": "2", "tcash": "-87467154", "tv": "2",
        "turn": "2", "hqty": "12500", "hcost": "12520325", "hv": "1", "q": "12500", "iv": "2",
    }  # fmt: skip
    [*_, last] = Outbox(exchange.client, exchange.keys.trade_outbox).read(10)
    assert last == Entry(outcome.entry_id, outcome.entry)
    assert exchange.hot.wallet(ANN).cash_e4 == 87_467_154
    assert exchange.hot.holdings(ANN)[ARS].qty == 12_500
    instrument = exchange.hot.instrument(ARS)
    assert instrument is not None
    assert (instrument.bid_px, instrument.ask_px, instrument.mark_px) == (1000248, 1002252, 1001250)


def test_what_a_trade_changes_is_marked_for_the_flusher(exchange: Exchange) -> None:
    exchange.fund(ANN)
    exchange.client.delete(*(exchange.keys.dirty(state) for state in State))

    exchange.order(Side.BUY, 1)

    dirty = {state: exchange.client.smembers(exchange.keys.dirty(state)) for state in State}
    assert dirty[State.WALLETS] == {"0", "5"}
    assert dirty[State.HOLDINGS] == {"5:1"}
    assert dirty[State.INSTRUMENTS] == {"1"}


def test_a_trade_is_announced_to_the_market_and_to_its_owner(exchange: Exchange) -> None:
    exchange.fund(ANN)
    subscriber = exchange.client.pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe(price_channel(ARS), portfolio_channel(ANN))
    messages = {}
    outcome = exchange.order(Side.BUY, 12_500, client_order_id='a "quoted" name')

    while len(messages) < 2:
        message = subscriber.get_message(timeout=1)
        if message:
            messages[message["channel"]] = message["data"]

    assert isinstance(outcome, Filled)
    tick = decode_price(messages[price_channel(ARS)])
    assert (tick.seq, tick.id, tick.at_ms, tick.bid_px, tick.ask_px, tick.mid_px, tick.why) == (
        1, "2000-0", 2_000, 1000248, 1002252, 1001250, "trade",
    )  # fmt: skip
    event = decode_portfolio(messages[portfolio_channel(ANN)])
    assert event is not None
    assert (event.name, event.seq, event.push.symbol) == ("fill", 2, "ARS")
    assert event.push.fill == outcome.fill
    assert exchange.hot.portfolio(ANN).seq == 2


def test_a_sale_books_the_profit_over_the_average_cost(funded: Exchange) -> None:
    outcome = funded.order(Side.SELL, 4_000)

    assert isinstance(outcome, Filled)
    holding = funded.hot.holdings(ANN)[ARS]
    assert outcome.fill.realized_e4 == outcome.fill.value_e4 - 10_015_010 * 4 // 10
    assert (holding.qty, holding.cost_e4) == (6_000, 10_015_010 - 10_015_010 * 4 // 10)


def test_the_cost_of_a_sale_is_exact_where_cost_times_quantity_is_not(funded: Exchange) -> None:
    # 8999999999999949 * 7777 is beyond 2**53; dividing that by 10000 would be one unit off.
    funded.client.hset(funded.keys.hold(ANN), "c:1", 8_999_999_999_999_949)

    outcome = funded.order(Side.SELL, 7_777)

    assert isinstance(outcome, Filled)
    sold_cost_e4 = 8_999_999_999_999_949 * 7_777 // 10_000
    assert outcome.fill.realized_e4 == outcome.fill.value_e4 - sold_cost_e4
    assert outcome.fill.cost_after_e4 == 8_999_999_999_999_949 - sold_cost_e4


def test_a_sold_out_holding_keeps_counting_its_versions(funded: Exchange) -> None:
    funded.order(Side.SELL, 10_000)
    again = funded.order(Side.BUY, 1_000)

    assert isinstance(again, Filled)
    assert again.entry["hv"] == "3"


def test_trades_in_one_millisecond_have_growing_tick_ids(funded: Exchange) -> None:
    funded.order(Side.BUY, 1)
    late = funded.order(Side.BUY, 1, now_ms=1_500)
    later = funded.order(Side.BUY, 1, now_ms=2_001)

    assert isinstance(late, Filled)
    assert isinstance(later, Filled)
    assert (late.fill.tick_id, later.fill.tick_id) == ("2000-2", "2001-0")
    ticks = funded.hot.ticks(ARS, None, 10)
    assert [tick.seq for tick in ticks] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "refusal", "details"),
    [
        ({"idx": 9}, Refusal.INSTRUMENT_UNKNOWN, {}),
        ({"qty": 0}, Refusal.QUANTITY_INVALID, {}),
        ({"qty": -1}, Refusal.QUANTITY_INVALID, {}),
        ({"qty": 50_001}, Refusal.QUANTITY_LIMIT_EXCEEDED, {"limit_qty": 50_000}),
        ({"qty": 2**53}, Refusal.QUANTITY_LIMIT_EXCEEDED, {"limit_qty": 50_000}),
        ({"bound_px": 1_001_000}, Refusal.PRICE_BOUND_EXCEEDED, {"quoted_px": 1_002_052}),
        (
            {"user": BOB},
            Refusal.INSUFFICIENT_FUNDS,
            {"required_e4": 1_003_055, "available_e4": 0},
        ),
        (
            {"user": BOB, "side": Side.SELL},
            Refusal.INSUFFICIENT_SHARES,
            {"available_qty": 0},
        ),
        (
            {"side": Side.SELL, "qty": 10_001},
            Refusal.INSUFFICIENT_SHARES,
            {"available_qty": 10_000},
        ),
    ],
)
def test_a_refused_order_says_why_and_changes_nothing(
    funded: Exchange,
    changes: dict[str, object],
    refusal: Refusal,
    details: dict[str, int | str],
) -> None:
    before = funded.dump()

    outcome = funded.order(**{"side": Side.BUY, "qty": 1_000} | changes)

    assert outcome == Refused(refusal, details)
    assert funded.dump() == before


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("phase", [Phase.LIVE, Phase.BREAK])
def test_in_play_an_order_may_have_a_quarter_and_is_told_so(
    funded: Exchange, phase: Phase, side: Side
) -> None:
    funded.order(Side.BUY, 2_500)
    funded.client.hset(funded.keys.inst(ARS), "phase", phase.value)
    before = funded.dump()

    outcome = funded.order(side, 12_501)

    assert outcome == Refused(Refusal.QUANTITY_LIMIT_EXCEEDED, {"limit_qty": 12_500})
    assert funded.dump() == before
    assert isinstance(funded.order(side, 12_500), Filled)


def test_in_play_a_trade_pays_and_publishes_three_times_the_half_spread(
    exchange: Exchange,
) -> None:
    exchange.fund(ANN)
    exchange.client.hset(exchange.keys.inst(ARS), "phase", "live")

    outcome = exchange.order(Side.BUY, 12_500)

    assert isinstance(outcome, Filled)
    assert outcome.fill.px == 1_003_627  # 100.0625 and 30 bps, where out of play it is 10
    (tick,) = exchange.hot.ticks(ARS, None, 10)
    assert (tick.bid_px, tick.mid_px, tick.ask_px) == (998_246, 1_001_250, 1_004_254)


def test_an_order_beyond_the_users_share_of_the_depth_is_refused(exchange: Exchange) -> None:
    exchange.fund(ANN, 10**9)
    for _ in range(4):
        assert isinstance(exchange.order(Side.BUY, 50_000), Filled)

    outcome = exchange.order(Side.BUY, 1)

    assert outcome == Refused(
        Refusal.POSITION_LIMIT_EXCEEDED, {"limit_qty": 200_000, "held_qty": 200_000}
    )


def test_the_limit_of_a_user_counts_what_is_held_of_that_club_alone(exchange: Exchange) -> None:
    exchange.fund(ANN, 10**9)
    exchange.fund(BOB)
    for _ in range(4):
        exchange.order(Side.BUY, 50_000)

    others = [exchange.order(Side.BUY, 1, user=BOB), exchange.order(Side.BUY, 1, idx=EVE)]
    exchange.order(Side.SELL, 1_000)
    refilled = exchange.order(Side.BUY, 1_000)

    assert all(isinstance(outcome, Filled) for outcome in [*others, refilled])
    assert isinstance(exchange.order(Side.BUY, 1), Refused)


def test_a_holding_above_a_limit_that_was_lowered_can_be_sold_but_not_grow(
    funded: Exchange,
) -> None:
    funded.client.hset(funded.keys.inst(ARS), "ucap", 5_000)

    bought, sold = funded.order(Side.BUY, 1), funded.order(Side.SELL, 1)

    assert bought == Refused(
        Refusal.POSITION_LIMIT_EXCEEDED, {"limit_qty": 5_000, "held_qty": 10_000}
    )
    assert isinstance(sold, Filled)


def test_the_house_stops_selling_at_half_of_its_depth(exchange: Exchange) -> None:
    # With the standard depth it would take 25 users at their own limits.
    narrow = replace(new_instrument(ARS, "ARS", "Arsenal"), qcap=60_000)
    exchange.client.hset(exchange.keys.inst(ARS), mapping=instrument_hash(narrow))
    exchange.fund(ANN)
    exchange.order(Side.BUY, 50_000)

    outcome = exchange.order(Side.BUY, 10_001)

    assert outcome == Refused(Refusal.LIQUIDITY_EXHAUSTED, {"available_qty": 10_000})


@pytest.mark.parametrize("halt", list(Halt))
def test_halts_stop_purchases_and_the_first_four_stop_sales(funded: Exchange, halt: Halt) -> None:
    funded.client.hset(funded.keys.inst(ARS), "halt", int(halt))
    halted = Refused(Refusal.MARKET_HALTED, {"halt": int(halt), "phase": "scheduled"})

    bought, sold = funded.order(Side.BUY, 1), funded.order(Side.SELL, 1)

    assert bought == halted
    assert (sold == halted) is (halt in Halt(15))


def test_a_repeated_command_is_answered_with_the_first_trade(funded: Exchange) -> None:
    first = funded.order(Side.BUY, 1_000, idem_key="k")
    before = funded.dump()

    again = funded.order(Side.BUY, 1_000, idem_key="k")

    assert isinstance(first, Filled)
    assert again == Replayed(first.fill)
    assert funded.dump() == before


def test_a_known_key_is_replayed_even_if_the_order_would_be_refused_now(funded: Exchange) -> None:
    first = funded.order(Side.BUY, 1_000, idem_key="k")
    funded.client.hset(funded.keys.inst(ARS), "halt", 1)

    assert isinstance(first, Filled)
    assert funded.order(Side.BUY, 0, idem_key="k") == Replayed(first.fill)


def test_a_key_used_for_another_request_is_refused(funded: Exchange) -> None:
    funded.order(Side.BUY, 1_000, idem_key="k")

    outcome = funded.order(Side.BUY, 2_000, idem_key="k", fingerprint="another")

    assert outcome == Refused(Refusal.IDEMPOTENCY_KEY_REUSED)


def test_a_refused_order_leaves_its_key_free(funded: Exchange) -> None:
    funded.order(Side.BUY, 1_000, idem_key="k", bound_px=1)

    assert isinstance(funded.order(Side.BUY, 1_000, idem_key="k"), Filled)


def test_keys_of_different_users_do_not_meet(funded: Exchange) -> None:
    funded.fund(BOB)
    funded.order(Side.BUY, 1_000, idem_key="k", client_order_id="c")

    outcome = funded.order(Side.BUY, 1_000, idem_key="k", client_order_id="c", user=BOB)

    assert isinstance(outcome, Filled)


def test_a_client_order_id_names_one_trade(funded: Exchange) -> None:
    funded.order(Side.BUY, 1_000, client_order_id="c")
    before = funded.dump()

    outcome = funded.order(Side.BUY, 1_000, client_order_id="c")

    assert outcome == Refused(Refusal.CLIENT_ORDER_ID_REUSED)
    assert funded.dump() == before


def test_keys_are_remembered_for_a_day_of_real_time(funded: Exchange) -> None:
    funded.order(Side.BUY, 1_000, idem_key="k", client_order_id="c")

    for key in (funded.keys.idem(ANN, "k"), funded.keys.coid(ANN, "c")):
        assert 86_000 < funded.client.ttl(key) <= 86_400


def test_a_broken_instrument_fails_before_anything_is_written(funded: Exchange) -> None:
    funded.client.hdel(funded.keys.inst(ARS), "hs")
    before = funded.dump()

    with pytest.raises(Exception, match="attempt to perform arithmetic"):
        funded.order(Side.BUY, 1)

    assert funded.dump() == before
    funded.client.hset(funded.keys.inst(ARS), "hs", 1_000)


def test_a_price_of_days_later_lets_no_tick_go(funded: Exchange) -> None:
    # Whether one is still needed a script cannot know: tests/store/test_rolling.py.
    commands = [funded.command(Side.BUY, 1, now_ms=3_000) for _ in range(150)]
    funded.scripts.execute(commands)

    funded.order(Side.BUY, 1, now_ms=3_001 + 260 * 3_600_000)

    kept = [tick.seq for tick in funded.hot.ticks(ARS, "0-0", 1_000)]
    assert len(kept) > 100
    assert kept == list(range(1, funded.hot.instrument(ARS).seq + 1))


def test_the_treasury_cannot_trade(exchange: Exchange) -> None:
    with pytest.raises(ValueError, match="treasury"):
        exchange.order(Side.BUY, 1, user=UserId(0))


def test_a_reply_is_the_fact_as_one_json_array(funded: Exchange) -> None:
    outcome = funded.order(Side.BUY, 1, idem_key="k")

    assert isinstance(outcome, Filled)
    res = json.loads(funded.client.hget(funded.keys.idem(ANN, "k"), "res"))
    assert dict(zip(res[::2], res[1::2], strict=True)) == outcome.entry
