"""The usher: everybody is sent away when the service stops, and not before."""

from __future__ import annotations

import gevent
from touchline.actors.hub.usher import CLOSES_PER_S, TURN_S, Usher

from tests.actors.hub.conftest import ANN, BOB


def test_all_clients_are_sent_away_and_asked_to_spread_their_return(stage):
    links = [stage.seat(user)[1] for user in (ANN, BOB) for _ in range(10)]

    Usher(stage.lobby).stopped()

    codes, hints = zip(*(link.ended for link in links), strict=True)
    assert set(codes) == {1012}
    assert len(set(hints)) > 10
    assert all(hint.startswith("retry_ms=") for hint in hints)


def test_a_crowd_is_sent_away_in_turns(stage):
    at_once = round(CLOSES_PER_S * TURN_S)
    links = [stage.seat()[1] for _ in range(2 * at_once + 1)]
    sent_away = []

    leaving = gevent.spawn(Usher(stage.lobby).stopped)
    while not leaving.ready():
        gevent.sleep(TURN_S / 10)
        sent_away.append(sum(link.ended is not None for link in links))

    assert all(link.ended for link in links)
    assert set(sent_away) <= {at_once, 2 * at_once, len(links)}
    assert at_once in sent_away


def test_it_lets_them_sit_while_the_service_runs(stage):
    _, link = stage.seat()

    Usher(stage.lobby).started()

    assert link.ended is None
