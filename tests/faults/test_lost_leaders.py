"""A leader that Redis does not hear any more: it knows by itself, and another one leads."""

from __future__ import annotations

import pytest

from .linked import Linked
from .process import Service
from .servers import POSTGRESQL, VALKEY

pytestmark = pytest.mark.long

DUTIES = (
    *("sportmonks-scheduler", "stop-watcher", "margin-backstop-sweeper", "order-releaser"),
    *("leaderboard", "week-freezer"),
    *("flusher", "candle-roller", "reconciler"),
)
LONG_S = 25.0  #: twice as long as any statement is waited for


def held_by(service: Service) -> set[str]:
    """The duties that *service* leads in."""
    return {duty for duty in DUTIES if service.detail(duty).get("lease")}


@pytest.mark.parametrize("name", ["api-server", "flusher"])
def test_a_leader_in_a_black_hole_stops_leading_before_another_one_begins(
    linked: Linked, name: str
) -> None:
    exchange = linked.exchange
    cut_off = exchange.services[name]
    others = [each for each in exchange.services.values() if each is not cut_off]
    for duty in DUTIES:
        exchange.wait(lambda duty=duty: exchange.holder(duty))
    led = held_by(cut_off)

    def all_have_gone_over() -> bool:
        # The others first: what one of them has by then, this one must have lost.
        theirs = set().union(*map(held_by, others))
        assert not theirs & held_by(cut_off)
        return led <= theirs

    with linked.fault() as seen:
        linked.links.of(name, VALKEY).black_hole()
        exchange.wait(all_have_gone_over)
        linked.links.heal()
        exchange.recovers()

    assert all(exchange.holder(duty) for duty in DUTIES)
    seen.waited_out()
    exchange.has_every_trade_once()


def test_services_cut_off_from_postgres_are_stuck_nowhere_and_the_others_go_on(
    linked: Linked,
) -> None:
    exchange = linked.exchange
    with linked.fault() as seen:
        for name in ("api-server", "flusher"):
            linked.links.of(name, POSTGRESQL).black_hole()
        exchange.goes_on_for(LONG_S)
        linked.links.heal()
        exchange.recovers()

    seen.waited_out()
    exchange.has_every_trade_once()


def test_a_service_that_is_stopped_while_it_is_cut_off_ends_in_good_order(linked: Linked) -> None:
    exchange = linked.exchange
    cut_off = exchange.services["second"]
    with linked.fault():
        for server in (VALKEY, POSTGRESQL):
            linked.links.of("second", server).black_hole()
        code = cut_off.stop()
        linked.links.heal()
        cut_off.start_again()
        exchange.recovers()

    assert code == 0
    exchange.has_every_trade_once()
