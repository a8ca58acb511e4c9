"""Every child of a ws-server dies while prices and portfolios move: its clients miss nothing."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest
from touchline.services.ws_server import SHARDS

from tests.abuse.hub import SOON_S, Hub, open_hub

from .waiting import eventually

#: And how often each dies: a third time within 10 s would be the death of its group, and of the
#: root with a sixth.
DEATHS = {"presence": 1, "session-watcher": 1, "usher": 1, "ws-listener": 1} | dict.fromkeys(
    ("subscriber", *(f"hub-{n}" for n in range(SHARDS))), 2
)
AGAIN_S = 0.2  #: the market moves a few times before the next one dies


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with open_hub(tmp_path_factory.mktemp("restarts")) as hub:
        yield hub


@pytest.mark.parametrize(("child", "times"), DEATHS.items())
def test_a_child_that_dies_disconnects_nobody_and_loses_nothing(
    hub: Hub, child: str, times: int
) -> None:
    for _ in range(times):
        deaths = restarts(hub, child)
        with hub.moving():
            gevent.sleep(AGAIN_S)
            hub.service.kill(child)
        # Nothing moves any more: what the dead one had not sent, only its successor can send.
        hub.everybody_knows_everything()

        assert restarts(hub, child) == deaths + 1


def restarts(hub: Hub, name: str) -> int:
    """How often child *name* was started anew, once it runs."""

    def found() -> list[int]:
        children = hub.service.children().items()
        named = [child for path, child in children if path[-1] == name]
        return [child["restarts"] for child in named if child["state"] == "running"]

    return eventually(found, SOON_S, hub.service.said)[0]
