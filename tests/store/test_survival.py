"""Whatever is lost, killed or frozen: the exchange goes on from a moment that was.

Told is what two api-servers, flushers, drainers and rehydrators may do, and when Redis is lost:
never a moment that somebody was told is in Postgres. What is lost is as if it had not been: under
its key it is done anew, once. In play, orders wait to be released, prices move, and positions are
closed by them. Results of matches, and candles, are not in the story.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis as redis_module
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from touchline.store.postgres import Postgres

from tests.fakes.examples import examples
from tests.fakes.players import Players
from tests.fakes.survivors import Survivors

#: Stories, of so many steps each, where nobody asks for more. For as long as one likes:
#: pytest tests/store/test_survival.py --hypothesis-profile thorough -o faulthandler_timeout=0
EXAMPLES = 15
STEPS = 50


@pytest.mark.parametrize("machine", [Survivors, Players])
def test_the_exchange_survives_whatever_is_lost_killed_or_frozen(
    machine: type[Survivors], stores: Callable[[], tuple[redis_module.Redis, Postgres]]
) -> None:
    run_state_machine_as_test(
        lambda: machine(*stores()),
        settings=settings(
            max_examples=examples(EXAMPLES),
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )
