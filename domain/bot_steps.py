"""One step of all bots: from what there is to see to what each does with each club.

The same seed and the same scene give the same decisions, whatever was decided before.
Source: docs/market.md, "Bots".
"""

from collections.abc import Iterator

from .bot_rules import deal
from .bot_views import NOTHING, Account, Decision, Match, Play, Scene, Sight
from .bots import order_key, step_of
from .dice import Dice
from .ids import InstrumentIdx
from .instrument import Instrument
from .leaderboard import week_of

ENDING_MINUTE = 85  #: from here on who is to have nothing at full time gets out
NO_FIXTURE = 0  #: of a club whose match is not on


def decisions(scene: Scene) -> Iterator[Decision]:
    """What all bots do in the step that the scene's calendar is in, club by club.

    Another club comes first in each step: not all may be done, and none is to be left out always.
    """
    clubs, step = scene.instruments, step_of(scene.now_ms)
    matches = by_club(scene.matches)
    first = step % len(clubs) if clubs else 0
    for instrument in (*clubs[first:], *clubs[:first]):
        match = matches.get(instrument.idx)
        play = _play(scene, instrument, match)
        for account in scene.accounts:
            if play is not Play.OFF or not account.stakes.get(instrument.idx, NOTHING).empty:
                found = _decision(scene, account, instrument, match, play)
                if found is not None:
                    yield found


def by_club(matches: tuple[Match, ...]) -> dict[InstrumentIdx, Match]:
    """The match that governs each club: of two, the earlier, which is the one that comes first."""
    governing: dict[InstrumentIdx, Match] = {}
    for match in matches:
        governing.setdefault(match.home, match)
        governing.setdefault(match.away, match)
    return governing


def _play(scene: Scene, instrument: Instrument, match: Match | None) -> Play:
    if match is not None and instrument.in_play:
        return Play.ON if match.minute < ENDING_MINUTE else Play.ENDING
    return Play.ON if scene.everywhere else Play.OFF


def _decision(
    scene: Scene, account: Account, instrument: Instrument, match: Match | None, play: Play
) -> Decision | None:
    bot, idx, step = account.bot, instrument.idx, step_of(scene.now_ms)
    fixture = match.fixture if match else NO_FIXTURE
    sight = Sight(
        instrument=instrument,
        play=play,
        stake=account.stakes.get(idx, NOTHING),
        free_e4=account.free_e4,
        positions=account.open_positions,
        reduces=account.reduces,
        trail=scene.trails.get(idx, ()),
        now_ms=scene.now_ms,
    )
    dice = Dice(scene.seed, fixture, bot.name, week_of(scene.now_ms).name, idx, step)
    wanted = deal(bot, sight, dice)
    if wanted is None:
        return None
    return Decision(bot, account.user, idx, wanted, order_key(bot, fixture, idx, step))
