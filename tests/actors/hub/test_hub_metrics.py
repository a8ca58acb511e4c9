"""What /metrics says of a hub: who is here, what they listen to, and how they went."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from touchline.actors.hub.channels import Channels
from touchline.domain.ids import InstrumentIdx
from touchline.http.metrics import Metrics
from touchline.services.hub_metrics import HUB, Hub

from tests.actors.hub.conftest import ANN, BOB, Stage


class Scrape:
    """The hub's metrics by name and labels."""

    def __init__(self, stage: Stage) -> None:
        self.handshakes: Counter[str] = Counter()
        self._metrics = Metrics()
        self._metrics.show(lambda: Hub(stage.lobby, self.handshakes), *HUB)

    def __call__(self, name: str, **labels: Any) -> float | None:
        return self._metrics.registry.get_sample_value(f"touchline_{name}", labels)


@pytest.fixture
def scrape(stage: Stage) -> Scrape:
    return Scrape(stage)


def test_connections_and_users_are_those_that_are_here_now(stage: Stage, scrape: Scrape) -> None:
    stage.seat(ANN)
    leaver, _ = stage.seat(ANN)
    stage.seat(BOB)

    stage.lobby.left(leaver, "gone")

    assert scrape("hub_connections", child="hub-0") == 2
    assert scrape("presence_users") == 2


def test_an_eviction_is_a_departure_with_its_code(stage: Stage, scrape: Scrape) -> None:
    client, _ = stage.seat()
    assert scrape("hub_departures_total", reason="4408") == 0

    stage.lobby.left(client, "4408")

    assert scrape("hub_departures_total", reason="4408") == 1
    assert scrape("hub_departures_total", reason="reset") == 0


def test_listeners_are_counted_by_what_they_listen_to(stage: Stage, scrape: Scrape) -> None:
    some, everything = stage.seat()[0], stage.seat()[0]
    stage.roster.listen(some, Channels(prices=frozenset({InstrumentIdx(1), InstrumentIdx(2)})))
    stage.roster.listen(everything, Channels(all_prices=True, portfolio=True))
    few, each = stage.seat()[0], stage.seat()[0]
    ticks = frozenset({InstrumentIdx(1)})
    board = frozenset({"leaderboard:week"})
    stage.roster.listen(few, Channels(all_prices=True, ticks=ticks, bulletins=board))
    stage.roster.listen(
        each,
        Channels(
            all_ticks=True, bulletins=frozenset({"fixture:8", "fixture:9", "leaderboard:week"})
        ),
    )

    kinds = ("prices", "all_prices", "every_tick", "portfolio", "fixtures", "leaderboards")
    counts = [scrape("hub_subscriptions", channel=kind) for kind in kinds]
    assert counts == [1, 2, 2, 1, 1, 2]


def test_a_user_who_comes_is_untold_until_redis_knows(stage: Stage, scrape: Scrape) -> None:
    stage.seat()
    assert scrape("presence_untold") == 1

    stage.lobby.transitions.acknowledge(stage.lobby.transitions.oldest(1), 0.0)

    assert scrape("presence_untold") == 0


def test_seats_say_how_many_there_are_and_how_many_are_taken(stage: Stage, scrape: Scrape) -> None:
    stage.lobby.reserve()

    assert (scrape("hub_seats"), scrape("hub_seats_taken")) == (10, 1)


def test_conflation_is_told_by_where_it_happened(stage: Stage, scrape: Scrape) -> None:
    stage.board.conflated = 3
    stage.lobby.traffic.conflated = 5

    assert scrape("hub_conflated_total", where="board") == 3
    assert scrape("hub_conflated_total", where="connection") == 5
