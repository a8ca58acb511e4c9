"""Cases of fixture_settle.lua."""

import pytest
from touchline.domain.halts import Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange, settled
from touchline.store.commands import Rebased, Settled, SettleOutcome
from touchline.store.keys import State

from tests.fakes.exchange import ARS, EVE, LEASE, OWNER, Exchange

pytestmark = pytest.mark.external

FIXTURE = 19135001


@pytest.fixture
def full_time(exchange: Exchange) -> Exchange:
    """ARS has beaten EVE: 2.5 % up and down."""
    for idx, offset_bps in ((ARS, 250), (EVE, -250)):
        change = IndexChange(
            idx=idx, now_ms=1_000, offset_bps=offset_bps, phase=Phase.FINISHED, fixture=FIXTURE
        )
        exchange.scripts.index_apply(change, LEASE, OWNER)
    return exchange


def settle(exchange: Exchange, away: InstrumentIdx = EVE) -> SettleOutcome:
    return exchange.scripts.fixture_settle(FIXTURE, ARS, away, LEASE, OWNER)


def test_the_result_becomes_part_of_both_base_prices(full_time: Exchange) -> None:
    before = full_time.hot.instruments()
    full_time.client.delete(full_time.keys.dirty(State.INSTRUMENTS))

    outcome = settle(full_time)

    assert outcome == Settled(Rebased(1_000_000, 1_025_000), Rebased(1_000_000, 975_000))
    assert full_time.hot.instruments() == tuple(map(settled, before))
    assert full_time.client.smembers(full_time.keys.dirty(State.INSTRUMENTS)) == {"1", "2"}


def test_a_match_is_settled_once(full_time: Exchange) -> None:
    settle(full_time)
    before = full_time.dump()

    assert settle(full_time) == Refused(Refusal.SETTLED)
    assert full_time.dump() == before


def test_a_settled_match_moves_its_clubs_no_more(full_time: Exchange) -> None:
    settle(full_time)

    late = IndexChange(idx=ARS, now_ms=2_000, offset_bps=250, fixture=FIXTURE)

    assert full_time.scripts.index_apply(late, LEASE, OWNER) == Refused(Refusal.SETTLED)
    assert [each.index_px for each in full_time.hot.instruments()] == [1_025_000, 975_000]


def test_the_price_does_not_jump_at_settlement(full_time: Exchange) -> None:
    before = [each.index_px for each in full_time.hot.instruments()]
    settle(full_time)

    full_time.scripts.index_apply(IndexChange(idx=ARS, now_ms=2_000, heartbeat=True), LEASE, OWNER)

    assert [each.index_px for each in full_time.hot.instruments()] == before


def test_who_lost_the_lease_settles_nothing(full_time: Exchange) -> None:
    full_time.client.set(LEASE, "somebody else")

    assert settle(full_time) == Refused(Refusal.FENCED)
    assert not full_time.client.exists(full_time.keys.settled(FIXTURE))


def test_nothing_is_settled_while_a_club_is_unknown(full_time: Exchange) -> None:
    before = full_time.dump()

    assert settle(full_time, InstrumentIdx(9)) == Refused(Refusal.INSTRUMENT_UNKNOWN)
    assert full_time.dump() == before
