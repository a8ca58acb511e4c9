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
    in_a_turn = round(CLOSES_PER_S * TURN_S)
    links = [stage.seat()[1] for _ in range(in_a_turn + 1)]

    leading = gevent.spawn(Usher(stage.lobby).stopped)
    gevent.sleep(0)
    assert [link.ended is not None for link in links] == [True] * in_a_turn + [False]
    leading.join()

    assert all(link.ended for link in links)


def test_it_lets_them_sit_while_the_service_runs(stage):
    _, link = stage.seat()

    Usher(stage.lobby).started()

    assert link.ended is None
