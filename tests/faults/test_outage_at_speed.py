"""Trading goes on at full speed while Postgres is away; afterwards it has every trade once."""

from __future__ import annotations

from tests.embedded_process import short_directory
from tests.outage import outage

FACTS, USERS = 6_000, 50


def test_trades_made_at_speed_while_postgres_is_away_are_all_there_once_afterwards() -> None:
    with short_directory() as root:
        result = outage(root, FACTS, USERS)

    assert result.facts == FACTS
    assert result.ok, str(result)
