"""New instruments and their limits."""

import pytest
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import NO_TICK, new_instrument

IDX = InstrumentIdx(1)


def test_a_new_instrument_is_open_and_quoted_at_its_base_price() -> None:
    ars = new_instrument(IDX, "ARS", "Arsenal")

    assert (ars.bid_px, ars.mid_px, ars.ask_px, ars.mark_px) == (
        999_000, 1_000_000, 1_001_000, 1_000_000,
    )  # fmt: skip
    assert (ars.halt, ars.inventory, ars.seq, ars.last_tick_id) == (0, 0, 0, NO_TICK)


def test_the_standard_limits_are_shares_of_the_depth() -> None:
    ars = new_instrument(IDX, "ARS", "Arsenal")

    assert (ars.depth, ars.qcap) == (10_000_000, 5_000_000)
    assert (ars.order_max, ars.user_cap) == (ars.depth // 200, ars.depth // 50)


@pytest.mark.parametrize("base_px", [4_999, 10_000_001, 0, -1])
def test_a_base_price_beyond_the_bounds_of_the_index_is_refused(base_px: int) -> None:
    with pytest.raises(ValueError, match="base_px"):
        new_instrument(IDX, "ARS", "Arsenal", base_px)


@pytest.mark.parametrize("symbol", ["", "ars", 'A"S', "A" * 13, "ÅRS", "A S", "ARS\n"])
def test_a_symbol_that_would_need_escaping_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="symbol"):
        new_instrument(IDX, symbol, "Arsenal")
