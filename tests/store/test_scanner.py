"""The scanner on a real Redis: the first tick closes, whoever else is at it, and once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.halts import Halt
from touchline.domain.position_events import By
from touchline.domain.positions import CloseReason, Direction
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.trading import Side
from touchline.store.commands import Made
from touchline.store.position_commands import CloseCommand, Happened, StopsCommand
from touchline.store.scan import TRIES

from tests.fakes.exchange import ANN, ARS, BOB, EVE, Exchange
from tests.fakes.failing import Meanwhile
from tests.fakes.stops import WATCHER, Pit

pytestmark = pytest.mark.external


@pytest.fixture
def pit(redis: redis_module.Redis) -> Iterator[Pit]:
    exchange = Exchange(redis)
    exchange.list()
    yield Pit(exchange)
    exchange.prove()


def closes(found: list[Happened]) -> list[tuple[str, str, str]]:
    """Of each close the position, the reason and the tick."""
    return [
        (one.event.position.id, one.event.reason.value, one.event.trigger.tick_id) for one in found
    ]


def test_the_first_tick_that_breaches_closes_however_many_came_after(pit: Pit) -> None:
    stopped = pit.long(-300)
    _, hit, *_ = pit.prices(-100, -350, -800, 200)

    found = pit.scanner.scan({ARS: [stopped]}, By.STOP_WATCHER, lease_owner=WATCHER)

    assert closes(found) == [(stopped, "stop_loss", hit.tick_id)]
    assert found[0].event.trigger.index_px == 965_000
    assert not found[0].event.trigger.approximate
    assert found[0].event.by is By.STOP_WATCHER
    assert pit.scanner.counts.closes == {("stop_loss", "stop-watcher"): 1}


def test_what_no_tick_concerns_is_not_touched(pit: Pit) -> None:
    calm = pit.long(-300, 300)
    pit.prices(-100, 100, 0)
    before = pit.exchange.dump()

    found = pit.scanner.scan({ARS: [calm]}, By.BACKSTOP_SWEEPER)

    assert found == []
    assert pit.exchange.dump() == before


def test_closes_come_by_tick_and_then_by_position(pit: Pit) -> None:
    late, *both = pit.long(-300), pit.long(-100), pit.long(-100)
    early, also = sorted(both)
    first, _, second = pit.prices(-150, -200, -350)

    found = pit.scanner.scan({ARS: [late, also, early]}, By.BACKSTOP_SWEEPER)

    assert closes(found) == [
        (early, "stop_loss", first.tick_id),
        (also, "stop_loss", first.tick_id),
        (late, "stop_loss", second.tick_id),
    ]


def test_positions_of_several_clubs_are_closed_in_the_order_of_time(pit: Pit) -> None:
    here, there = pit.long(-100), pit.long(-100, idx=EVE)
    pit.price(-150, idx=EVE)
    pit.price(-150, idx=ARS)

    found = pit.scanner.scan({ARS: [here], EVE: [there]}, By.BACKSTOP_SWEEPER)

    assert [one.event.position.id for one in found] == [there, here]


def test_a_trailing_stop_that_moved_is_proved_by_the_tick_it_followed_to(pit: Pit) -> None:
    trailed = pit.long(trail_px=20_000)
    *_, hit = pit.prices(100, 400, 300, 150)

    found = pit.scanner.scan({ARS: [trailed]}, By.STOP_WATCHER, lease_owner=WATCHER)

    assert closes(found) == [(trailed, "trailing_stop", hit.tick_id)]
    assert found[0].event.position.best_px == found[0].event.trigger.level_px + 20_000


def test_ticks_that_move_a_stop_are_noted_for_whoever_comes_next(pit: Pit) -> None:
    trailed = pit.long(trail_px=20_000)
    *_, last = pit.prices(100, 400, 390)

    pit.scanner.scan({ARS: [trailed]}, By.BACKSTOP_SWEEPER)

    position = pit.exchange.position(trailed)
    assert (position.checked_tick_id, position.checked_seq) == (last.tick_id, last.seq)
    assert position.best_px > 1_030_000


def test_a_margin_call_is_told_once_and_the_position_stays_open(pit: Pit) -> None:
    warned = pit.long(leverage=10)
    pit.prices(-390)

    for _ in range(2):
        pit.scanner.scan({ARS: [warned]}, By.BACKSTOP_SWEEPER)

    position = pit.exchange.position(warned)
    assert (position.warned, position.qty) == (True, 1_000)
    assert pit.exchange.client.get(pit.exchange.keys.pfseq(ANN)) == "3"  # grant, opening, call


def test_what_the_watch_has_passed_is_not_looked_at_again(pit: Pit) -> None:
    stopped = pit.long(-300)
    pit.passed_upto(pit.price(-350))  # as if its stop had been set only after that
    pit.price(-100)

    assert pit.scanner.scan({ARS: [stopped]}, By.BACKSTOP_SWEEPER) == []


def test_a_halted_tick_closes_nothing_and_the_next_one_does(pit: Pit) -> None:
    stopped = pit.long(-300)
    pit.price(-350, halt=Halt.EVENT)
    after = pit.price(-320, halt=Halt(0))

    found = pit.scanner.scan({ARS: [stopped]}, By.BACKSTOP_SWEEPER)

    assert closes(found) == [(stopped, "stop_loss", after.tick_id)]


def test_a_close_after_ticks_that_are_no_longer_there_says_that_it_is_approximate(pit: Pit) -> None:
    stopped = pit.long(-300)
    gone, hit = pit.prices(-310, -320)
    pit.exchange.client.xdel(pit.exchange.keys.ticks(ARS), gone.tick_id)

    found = pit.scanner.scan({ARS: [stopped]}, By.BACKSTOP_SWEEPER)

    assert closes(found) == [(stopped, "stop_loss", hit.tick_id)]
    assert found[0].event.trigger.approximate
    assert pit.scanner.counts.gaps == 1


def test_a_way_longer_than_a_page_is_gone_once(pit: Pit) -> None:
    stopped, calm = pit.long(-300), pit.long()
    pit.prices(*(n % 7 for n in range(2_100)))
    hit = pit.price(-350)

    found = pit.scanner.scan({ARS: [stopped, calm]}, By.BACKSTOP_SWEEPER)
    again = pit.scanner.begin({ARS: [calm]}, By.BACKSTOP_SWEEPER)
    while again.step():
        pass

    assert closes(found) == [(stopped, "stop_loss", hit.tick_id)]
    assert again.ticks == 1  # the close's own


# -- take-profit is a limit


def profit_out_of_reach(pit: Pit) -> str:
    """A long of 50 shares, whose close costs more of the price than its take-profit leaves."""
    return pit.long(profit_bps=100, qty=50_000)


def test_a_take_profit_that_cannot_be_had_stays_armed_for_the_next_tick(pit: Pit) -> None:
    held = profit_out_of_reach(pit)
    pit.prices(80, 83)

    found = pit.scanner.scan({ARS: [held]}, By.BACKSTOP_SWEEPER)
    *_, hit = pit.prices(82, 400)
    later = pit.scanner.scan({ARS: [held]}, By.BACKSTOP_SWEEPER)

    assert found == []
    assert closes(later) == [(held, "take_profit", hit.tick_id)]


def test_a_take_profit_out_of_reach_is_asked_for_once_an_index_and_then_left(pit: Pit) -> None:
    held = profit_out_of_reach(pit)
    pit.prices(80, 80, 83, 80, 83, 83)
    asked = Counting(pit.exchange.scripts)

    found = pit.new_scanner(scripts=asked).scan({ARS: [held]}, By.BACKSTOP_SWEEPER)
    at_first = asked.commands
    pit.new_scanner(scripts=asked).scan({ARS: [held]}, By.BACKSTOP_SWEEPER)

    assert found == []
    assert at_first == 2
    assert asked.commands == at_first


def test_ticks_that_come_while_a_profit_is_out_of_reach_are_the_next_checks(pit: Pit) -> None:
    held = profit_out_of_reach(pit)
    pit.price(83)
    # Refused at the inventory of then; others buy before that is noted, and now it can be had.
    raced = Meanwhile(pit.exchange.scripts, "position_follow", lambda: bought(pit))

    found = pit.new_scanner(scripts=raced).scan({ARS: [held]}, By.BACKSTOP_SWEEPER)
    within_reach = pit.exchange.client.hget(pit.exchange.keys.inst(ARS), "tid")
    pit.price(84)
    later = pit.scanner.scan({ARS: [held]}, By.BACKSTOP_SWEEPER)

    assert found == []
    assert closes(later) == [(held, "take_profit", within_reach)]


def bought(pit: Pit) -> None:
    pit.exchange.fund(BOB)
    assert isinstance(pit.exchange.order(Side.BUY, 50_000, user=BOB, now_ms=pit.now_ms), Made)


class Counting:
    """Scripts that count the closes they are asked for."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.commands = 0

    def execute_ahead(self, batches: Any) -> Any:
        for outcomes in self._real.execute_ahead(batches):
            self.commands += len(outcomes)
            yield outcomes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


# -- races


def restop(pit: Pit, position_id: str, stop_px: int) -> None:
    """The owner moves the stop, as one who has read the newest version."""
    number = pit.exchange.position(position_id).number
    event_id = pit.exchange.new_id()
    command = StopsCommand(event_id, pit.key(position_id), number, stop_px, "=", "=", pit.now_ms)
    assert isinstance(pit.exchange.run(command), Happened)


def close_by_owner(pit: Pit, position_id: str, qty: int | None = None) -> None:
    where, key = pit.key(position_id), pit.exchange.new_id()
    command = CloseCommand(key, where, qty, None, None, key, "fp", pit.now_ms)
    assert isinstance(pit.exchange.run(command), Happened)


def test_a_position_somebody_else_closed_meanwhile_is_theirs(pit: Pit) -> None:
    stopped = pit.long(-300)
    pit.prices(-350)
    other = pit.new_scanner()
    raced = Meanwhile(
        pit.exchange.scripts, "execute_ahead", lambda: other.scan({ARS: [stopped]}, By.CHECK)
    )

    scan = pit.new_scanner(scripts=raced).begin({ARS: [stopped]}, By.BACKSTOP_SWEEPER)
    while scan.step():
        pass

    assert scan.happened == []
    assert scan.left == []
    assert other.counts.closes == {("stop_loss", "check"): 1}


def test_a_stop_moved_after_the_position_was_read_counts_from_then_on(pit: Pit) -> None:
    stopped = pit.long(-300)
    pit.prices(-100)
    # Between the reading of the position and that of its ticks: the new stop is above the old one,
    # and the tick that meets both comes after one that meets the new one alone.
    moved: list[Any] = []

    def meanwhile() -> None:
        restop(pit, stopped, 980_000)
        moved.extend(pit.prices(-250, -350))

    raced = Meanwhile(pit.exchange.client, "connection_pool", meanwhile)  # what reads ticks uses it

    pit.new_scanner(client=raced).scan({ARS: [stopped]}, By.BACKSTOP_SWEEPER)
    found = pit.scanner.scan({ARS: [stopped]}, By.BACKSTOP_SWEEPER)

    assert closes(found) == [(stopped, "stop_loss", moved[0].tick_id)]


def test_a_part_closed_by_the_owner_meanwhile_makes_it_read_again(pit: Pit) -> None:
    trailed = pit.long(trail_px=20_000, qty=2_000)
    pit.prices(400)
    raced = Meanwhile(
        pit.exchange.scripts, "position_follow", lambda: pit.noted(trailed, pit.price(390))
    )

    scan = pit.new_scanner(scripts=raced).begin({ARS: [trailed]}, By.BACKSTOP_SWEEPER)
    while scan.step():
        pass

    assert scan.left == []


class Refusing:
    """Scripts that always find a breach not proved."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.asked = 0

    def execute_ahead(self, batches: Any) -> Any:
        for commands in batches:
            self.asked += 1
            yield [Refused(Refusal.NOT_BREACHED) for _ in commands]


def test_a_position_that_cannot_be_dealt_with_is_told_of_and_not_tried_for_ever(pit: Pit) -> None:
    stopped = pit.long(-300)
    pit.prices(-350)
    refusing = Refusing(pit.exchange.scripts)

    scan = pit.new_scanner(scripts=refusing).begin({ARS: [stopped]}, By.BACKSTOP_SWEEPER)
    while scan.step():
        pass

    assert scan.left == [stopped]
    assert refusing.asked == TRIES


def test_without_the_lease_nothing_is_closed(pit: Pit) -> None:
    one, other = pit.long(-300), pit.long(-100)
    pit.prices(-350)

    scan = pit.scanner.begin({ARS: [one, other]}, By.STOP_WATCHER, lease_owner="somebody else")
    while scan.step():
        pass

    assert scan.fenced
    assert scan.happened == []
    assert [pit.exchange.position(each).qty for each in (one, other)] == [1_000, 1_000]


def test_five_hundred_are_closed_in_pieces_by_which_nobody_is_kept_out(pit: Pit) -> None:
    ids = [pit.long(-300, user=ANN + n // 20, qty=10, leverage=1) for n in range(500)]
    hit = pit.price(-350)

    scan = pit.scanner.begin({ARS: ids}, By.BACKSTOP_SWEEPER)
    between = 0
    while scan.step():
        pit.exchange.order(Side.BUY, 10, user=ANN, now_ms=pit.now_ms)
        between += 1

    assert [one[0] for one in closes(scan.happened)] == sorted(ids)
    assert {one[2] for one in closes(scan.happened)} == {hit.tick_id}
    assert between >= 15


# -- check


def test_after_a_check_the_owner_s_command_is_not_sent_back(pit: Pit) -> None:
    trailed = pit.long(-300, trail_px=20_000)
    pit.prices(100, 400, 390)
    number = pit.exchange.position(trailed).number
    command = StopsCommand("e", pit.key(trailed), number, None, "=", "=", pit.now_ms)
    assert pit.exchange.run(command).code is Refusal.SCAN_FIRST

    closed = pit.scanner.check(pit.key(trailed))

    assert closed is None
    assert isinstance(pit.exchange.run(command), Happened)


def test_a_check_past_a_profit_out_of_reach_lets_the_owner_close(pit: Pit) -> None:
    held = profit_out_of_reach(pit)
    pit.prices(80, 83)

    pit.scanner.check(pit.key(held))

    close_by_owner(pit, held)


def test_a_check_closes_what_should_have_been(pit: Pit) -> None:
    stopped = pit.open(Direction.SHORT, user=BOB, leverage=5)
    pit.prices(900, 1_200)

    closed = pit.scanner.check(pit.key(stopped, BOB))

    assert closed is not None
    assert closed.event.reason is CloseReason.LIQUIDATION
    assert closed.event.by is By.CHECK
    assert pit.scanner.check(pit.key(stopped, BOB)) is None


def test_a_check_over_missing_ticks_lets_the_owner_change_things(pit: Pit) -> None:
    calm = pit.long()
    gone, _ = pit.prices(1, 2)
    pit.exchange.client.xdel(pit.exchange.keys.ticks(ARS), gone.tick_id)

    pit.scanner.check(pit.key(calm))

    close_by_owner(pit, calm, 500)


def test_a_check_of_a_long_way_leaves_little_for_the_script(pit: Pit) -> None:
    calm = pit.long()
    pit.prices(*(n % 7 for n in range(1_050)))

    pit.scanner.check(pit.key(calm))

    close_by_owner(pit, calm, 500)
