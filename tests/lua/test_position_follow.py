"""position_follow.lua against its pure twin: what a tick that closes nothing moves."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.positions import Direction, Position, Stops, breach, followed
from touchline.domain.ticks import IndexChange, Tick
from touchline.store.files import filed_at
from touchline.store.position_calls import follow_call, script
from touchline.store.position_commands import FollowCommand, PositionKey
from touchline.store.position_hashes import position_hash

from tests.fakes.exchange import ANN, ARS, LEASE, OWNER, Exchange
from tests.fakes.scenes import Scene, scenes
from tests.fakes.stage import WHERE, arrange, stored

pytestmark = pytest.mark.external

WITH_REDIS = settings(max_examples=40)
FOLLOW = script("position_follow")


def run(exchange: Exchange, command: FollowCommand) -> list[str]:
    reply: list[str] = FOLLOW.run(exchange.client, *follow_call(exchange.keys, command))
    return reply


def command_of(before: Position, after: Position, tick: Tick) -> FollowCommand:
    """What says that *tick* has made *after* of *before*."""
    return FollowCommand(
        position=WHERE,
        version=before.version,
        tick_id=after.checked_tick_id,
        seq=after.checked_seq,
        follow_tick_id=None if after.best_px == before.best_px else tick.id,
        warned=after.warned,
    )


@WITH_REDIS
@given(scene=scenes())
def test_each_tick_moves_what_the_twin_says(exchange: Exchange, scene: Scene) -> None:
    arrange(exchange, scene)
    position = scene.position

    for tick in scene.ticks[1:] if position.qty else ():
        if breach(position, tick):
            break
        after = replace(followed(position, tick), version=position.version + 1)
        reply = run(exchange, command_of(position, after, tick))
        assert reply == ["ok", str(after.version)]
        position = after

    state = stored(exchange, position.id)
    assert state["position"] == position_hash(position)
    assert state["filed"] == filed_at(exchange.keys, position)
    exchange.client.flushdb()


@WITH_REDIS
@given(scene=scenes(), number=st.integers(0, 3), late=st.booleans())
def test_a_trailing_stop_follows_to_no_tick_that_the_twin_does_not_follow(
    exchange: Exchange, scene: Scene, number: int, late: bool
) -> None:
    position, tick = scene.position, scene.ticks[-1 - number % len(scene.ticks)]
    checked = scene.ticks[-1] if late else tick
    arrange(exchange, scene)
    before = exchange.dump()
    command = FollowCommand(
        WHERE, position.version, checked.id, checked.seq, tick.id, position.warned
    )

    reply = run(exchange, command)

    best_px = followed(position, tick).best_px
    if position.qty and tick.seq > position.checked_seq and best_px != position.best_px:
        assert reply[0] == "ok"
        assert exchange.position(position.id).best_px == best_px
    else:
        assert reply[:2] == ["refused", "NOT_BREACHED" if position.qty else "POSITION_CLOSED"]
        assert exchange.dump() == before
    exchange.client.flushdb()


@pytest.mark.parametrize(("version", "seq"), [(1, 0), (-1, 0), (0, -1)])
def test_a_check_of_what_has_changed_since_is_refused(
    exchange: Exchange, version: int, seq: int
) -> None:
    exchange.fund(ANN)
    position = exchange.open(Direction.LONG, 1_000).event.position
    before = exchange.dump()
    command = FollowCommand(
        position=PositionKey(position.id, ANN, ARS),
        version=position.version + version,
        tick_id=position.checked_tick_id,
        seq=position.checked_seq + seq,
        follow_tick_id=None,
        warned=False,
    )

    reply = run(exchange, command)

    assert reply == ["refused", "VERSION_MISMATCH", "version", "1"]
    assert exchange.dump() == before


def test_a_trailing_stop_follows_to_no_tick_before_the_last_check(exchange: Exchange) -> None:
    exchange.fund(ANN)
    position = exchange.open(Direction.LONG, 1_000, stops=Stops(trail_px=20_000)).event.position
    for offset_bps in (100, 0):
        change = IndexChange(idx=ARS, now_ms=3_000, offset_bps=offset_bps)
        exchange.scripts.index_apply(change, LEASE, OWNER)
    where = PositionKey(position.id, ANN, ARS)
    run(exchange, FollowCommand(where, 1, "3000-1", 3, None, False))

    reply = run(exchange, FollowCommand(where, 2, "3000-1", 3, "3000-0", False))

    assert reply == ["refused", "NOT_BREACHED"]
