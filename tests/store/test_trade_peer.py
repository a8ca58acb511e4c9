"""The trade that bench/trades.py has Postgres make by itself is the trade that the market makes."""

from pathlib import Path

import pytest
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import new_instrument
from touchline.domain.trading import Side, priced
from touchline.store.postgres import Postgres

from tests.fakes.facts import add_instruments, add_users

pytestmark = pytest.mark.external

PEER = Path(__file__).resolve().parents[2] / "bench" / "trades_peer.sql"
QTY = 12_500


@pytest.mark.parametrize("side", Side)
def test_the_peer_of_the_benchmark_trades_at_the_price_of_the_market(pg: Postgres, side: Side):
    add_users(pg, 1)
    add_instruments(pg, 17)
    expected = priced(new_instrument(InstrumentIdx(17), "ARS", "Arsenal"), side, QTY)

    with pg.transaction() as cursor:
        cursor.execute(PEER.read_text())
        cursor.execute("UPDATE holdings SET qty = %s", (QTY,))
        cursor.execute("SELECT peer_trade(1, 17, %s, %s, 'key', 'print')", (side.value, QTY))
        cursor.execute("SELECT px, value_e4, fee_e4 FROM trades")
        made = cursor.fetchall()
        cursor.connection.rollback()  # its tables and functions are for the benchmark alone

    assert made == [(expected.px, expected.value_e4, expected.fee_e4)]
