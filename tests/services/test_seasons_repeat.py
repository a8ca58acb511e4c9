"""A season played twice by one seed, in steps: all that comes of it is the same, to the unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import redis as redis_module
from touchline.domain.bots import BotKind
from touchline.matchserver.matches import make_season
from touchline.matchserver.season import generate_season
from touchline.store.postgres import Postgres

from tests.fakes.stepped_season import PEOPLE, SteppedSeason, Story

Emptied = Callable[[], tuple[redis_module.Redis, Postgres]]
MATCHES = 4  #: of four clubs: two rounds, in two weeks


def story(stores: Emptied, seed: int, matches: int) -> Story:
    whole = generate_season(seed, clubs=4)
    return SteppedSeason(*stores(), make_season("two rounds", whole.matches[:matches]), seed).play()


def test_two_runs_of_one_seed_have_the_same_trades_boards_and_winners(stores: Emptied) -> None:
    one, two = (story(stores, seed=7, matches=MATCHES) for _ in range(2))

    assert [
        each.name for each in fields(Story) if getattr(one, each.name) != getattr(two, each.name)
    ] == []
    assert len(one.trades) > 100
    assert {each.bot.kind for each in one.decisions} == set(BotKind)
    assert {row[:2] for row in one.boards} == {
        (week, board) for week in ("2026-W31", "2026-W32") for board in ("people", "bots")
    }
    assert {(row[0], row[3]) for row in one.draws} == {
        (week, user) for week in ("2026-W31", "2026-W32") for user in PEOPLE
    }


def test_a_run_of_another_seed_has_others(stores: Emptied) -> None:
    one, two = (story(stores, seed, matches=1) for seed in (7, 8))

    assert one.trades != two.trades
    assert one.boards != two.boards
    assert one.draws != two.draws
