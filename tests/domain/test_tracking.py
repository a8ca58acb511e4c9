"""What one match that is being followed calls for, look by look."""

import pytest
from touchline.domain.asking import in_window, wants_asking
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.standing import halt_of, standings
from touchline.domain.tracking import EVENT_MS, RESULT_MS, Tracked, missed, observed

from tests.fakes.matches import FULHAM, HOUR_MS, KICKOFF_MS, a_match

NOW_MS = KICKOFF_MS + 3_000_000
STALE_MS = 10_000
LONG_AGO = a_match("ABANDONED", kickoff_ms=NOW_MS - 6 * HOUR_MS - 1)
HOME, AWAY = InstrumentIdx(1), InstrumentIdx(2)


def tracked(match, seen_ms=NOW_MS, **fields):
    return Tracked(match=match, home=HOME, away=AWAY, weight_bps=600, seen_ms=seen_ms, **fields)


def followed(*looks):
    """A match after looks at it, as (ms after NOW_MS, snapshot)."""
    one = tracked(looks[0][1])
    for after_ms, match in looks:
        one = observed(one, match, NOW_MS + after_ms)
    return one


@pytest.mark.parametrize(
    "after",
    [
        a_match("INPLAY_1ST_HALF", 1, 0),
        a_match("INPLAY_1ST_HALF", reds=(0, 1)),
        a_match("INPLAY_1ST_HALF", under_review=True),
    ],
    ids=["goal", "red card", "review"],
)
def test_trading_rests_for_ten_seconds_after_an_event(after):
    one = followed((0, a_match("INPLAY_1ST_HALF")), (2_000, after))

    rest_ends_ms = NOW_MS + 2_000 + EVENT_MS

    assert halt_of(one, rest_ends_ms - 1, STALE_MS * 2) == Halt.EVENT
    assert halt_of(one, rest_ends_ms, STALE_MS * 2) == OPEN


def test_a_goal_that_is_taken_back_rests_again_and_moves_the_price_back():
    before = followed((0, a_match("INPLAY_1ST_HALF", minute=20)))
    after = followed(
        (0, a_match("INPLAY_1ST_HALF", minute=20)),
        (2_000, a_match("INPLAY_1ST_HALF", 1, 0, minute=20)),
        (60_000, a_match("INPLAY_1ST_HALF", minute=20)),
    )

    now = standings(after, 0, NOW_MS + 60_000, STALE_MS)

    assert now[HOME].halt == Halt.EVENT
    assert now[HOME].offset_bps == standings(before, 0, NOW_MS, STALE_MS)[HOME].offset_bps


def test_the_two_clubs_move_by_the_same_in_opposite_directions():
    now = standings(tracked(a_match("INPLAY_2ND_HALF", 2, 1, minute=70)), 35, NOW_MS, STALE_MS)

    assert now[HOME].offset_bps == -now[AWAY].offset_bps > 0
    assert now[HOME].phase is now[AWAY].phase is Phase.LIVE


def test_a_match_in_play_that_nobody_sees_goes_stale_after_ten_seconds():
    one = tracked(a_match("INPLAY_1ST_HALF"))

    assert halt_of(one, NOW_MS + STALE_MS - 1, STALE_MS) == OPEN
    assert halt_of(one, NOW_MS + STALE_MS, STALE_MS) == Halt.FEED_STALE


def shown_for(seconds, match):
    """A match that every look has shown as *match* for so long, and the time of the last look."""
    one = followed((0, a_match("INPLAY_1ST_HALF")), (1_000, match), (1_000 + 1000 * seconds, match))
    return one, NOW_MS + 1_000 + 1000 * seconds


def test_a_clock_that_runs_and_stands_still_is_an_old_answer():
    for seconds, halt in ((99, OPEN), (100, Halt.FEED_STALE)):
        one, now_ms = shown_for(seconds, a_match("INPLAY_2ND_HALF", minute=50, ticking=True))
        assert halt_of(one, now_ms, STALE_MS) == halt

    moved = observed(one, a_match("INPLAY_2ND_HALF", minute=51, ticking=True), now_ms + 2_000)
    assert halt_of(moved, now_ms + 2_000, STALE_MS) == OPEN


@pytest.mark.parametrize(
    "match",
    [
        a_match("INPLAY_1ST_HALF", minute=50),
        a_match("HT", minute=45, ticking=True),
        a_match("BREAK", minute=90, ticking=True),
        a_match("SUSPENDED", minute=50, ticking=True),
    ],
    ids=["no clock", "half-time", "break", "suspended"],
)
def test_where_no_clock_should_run_none_stands_still(match):
    one, now_ms = shown_for(1_800, match)

    assert Halt.FEED_STALE not in halt_of(one, now_ms, STALE_MS)


def test_where_looks_are_rare_a_clock_may_stand_for_longer():
    one, now_ms = shown_for(200, a_match("INPLAY_2ND_HALF", minute=50, ticking=True))

    assert halt_of(one, now_ms, 200_000) == OPEN


DAY_MS = 24 * HOUR_MS
INPLAY_AT_90 = a_match("INPLAY_2ND_HALF", 1, 0, minute=90)


def test_a_match_that_has_no_end_is_halted_and_a_day_later_was_abandoned():
    for after_ms, found in (
        (6 * HOUR_MS, (Phase.LIVE, OPEN)),
        (6 * HOUR_MS + 1, (Phase.LIVE, Halt.FEED_STALE)),
        (DAY_MS - 1, (Phase.LIVE, Halt.FEED_STALE)),
        (DAY_MS, (Phase.VOID, OPEN)),
    ):
        now_ms = KICKOFF_MS + after_ms
        one = observed(tracked(a_match("INPLAY_2ND_HALF", 1, 0)), INPLAY_AT_90, now_ms)
        assert (one.match.phase, halt_of(one, now_ms, STALE_MS)) == found


@pytest.mark.parametrize("state", ["FT", "SUSPENDED", "AWARDED", "NS"])
def test_only_what_is_said_to_be_in_play_is_abandoned_by_time(state):
    one = observed(tracked(a_match("INPLAY_2ND_HALF")), a_match(state), KICKOFF_MS + 2 * DAY_MS)

    assert one.match.state == state


def lacked_at(*after_ms, state="INPLAY_2ND_HALF"):
    """A match that good answers have lacked at these times after its kick-off."""
    one = tracked(a_match(state, 1, 0), opened=True)
    for at_ms in after_ms:
        one = missed(one, KICKOFF_MS + at_ms)
    return one


@pytest.mark.parametrize("state", ["INPLAY_2ND_HALF", "SUSPENDED", "AWARDED", "NS"])
def test_a_match_that_nobody_knows_any_more_was_deleted(state):
    assert lacked_at(HOUR_MS, DAY_MS - 1, state=state).match.state == state
    assert lacked_at(DAY_MS, DAY_MS + HOUR_MS - 1, state=state).match.state == state

    gone = lacked_at(HOUR_MS, DAY_MS, state=state)

    assert (gone.match.state, gone.opened, gone.on) == ("DELETED", False, False)
    back = observed(gone, a_match("FT", 2, 0), KICKOFF_MS + DAY_MS + 1)
    assert (back.match.state, back.gone_ms, back.on) == ("FT", None, True)


def test_a_match_that_was_shown_meanwhile_is_missed_anew():
    one = lacked_at(HOUR_MS)
    one = observed(one, INPLAY_AT_90, KICKOFF_MS + 2 * HOUR_MS)

    assert missed(one, KICKOFF_MS + DAY_MS).match.state == "INPLAY_2ND_HALF"


def test_a_match_that_has_not_begun_cannot_go_stale():
    assert halt_of(tracked(a_match("NS"), seen_ms=0), NOW_MS, STALE_MS) == OPEN


def test_a_result_is_ripe_once_a_second_look_confirms_it():
    first = followed((0, a_match("FT", 2, 1)))
    unseen = observed(first, a_match("FT", 2, 1), NOW_MS + RESULT_MS - 1)
    confirmed = observed(first, a_match("FT", 2, 1), NOW_MS + RESULT_MS)

    assert not first.ripe
    assert not unseen.ripe
    assert confirmed.ripe


def test_full_time_that_turns_into_extra_time_is_no_result():
    one = followed(
        (0, a_match("FT", 1, 1)),
        (60_000, a_match("BREAK", 1, 1)),
        (RESULT_MS * 10, a_match("AET", 2, 1)),
    )

    assert not one.ripe


def test_a_result_that_is_corrected_must_stand_anew():
    one = followed((0, a_match("FT", 2, 1)), (RESULT_MS, a_match("FT", 2, 2)))

    assert not one.ripe
    assert observed(one, a_match("FT", 2, 2), NOW_MS + 2 * RESULT_MS).ripe


def test_an_awarded_match_is_never_ripe():
    assert not followed(
        (0, a_match("AWARDED", 3, 0)), (RESULT_MS * 9, a_match("AWARDED", 3, 0))
    ).ripe


def test_trading_rests_between_full_time_and_the_commit():
    assert halt_of(tracked(a_match("FT", 1, 0)), NOW_MS, STALE_MS) == Halt.MATCH_SUSPENDED


def test_a_look_that_shows_other_clubs_is_ignored():
    one = tracked(a_match("INPLAY_1ST_HALF"), seen_ms=5)

    assert observed(one, a_match("FT", 9, 0, sides=(FULHAM, FULHAM)), NOW_MS) == one


@pytest.mark.parametrize(
    ("state", "after_ms", "inside"),
    [
        ("NS", -300_001, False),
        ("NS", -300_000, True),
        ("INPLAY_2ND_HALF", HOUR_MS, True),
        ("FT", 2 * HOUR_MS, True),
        ("INPLAY_2ND_HALF", 7 * HOUR_MS, False),
        ("POSTPONED", 0, False),
        ("AWARDED", HOUR_MS, False),
    ],
)
def test_the_window_opens_five_minutes_before_kick_off(state, after_ms, inside):
    assert in_window(tracked(a_match(state)), KICKOFF_MS + after_ms) is inside


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (tracked(a_match("INPLAY_1ST_HALF")), True),
        (tracked(a_match("INPLAY_1ST_HALF"), asked_ms=NOW_MS - 4_999), False),
        (tracked(a_match("NS"), asked_ms=NOW_MS - 59_999), False),
        (tracked(a_match("NS"), asked_ms=NOW_MS - 60_000), True),
        (tracked(a_match("NS", kickoff_ms=NOW_MS + 1)), False),
        (tracked(a_match("FT"), result_ms=NOW_MS - RESULT_MS + 1), False),
        (tracked(a_match("FT"), result_ms=NOW_MS - RESULT_MS), True),
        (tracked(a_match("FT"), seen_ms=0), True),
        (tracked(a_match("POSTPONED"), asked_ms=NOW_MS - 59_999), False),
        (tracked(a_match("ABANDONED"), asked_ms=NOW_MS - 60_000), True),
        (tracked(LONG_AGO, asked_ms=NOW_MS - HOUR_MS + 1), False),
        (tracked(LONG_AGO, asked_ms=NOW_MS - HOUR_MS), True),
        (tracked(a_match("ABANDONED", kickoff_ms=NOW_MS - 14 * 24 * HOUR_MS - 1)), False),
    ],
    ids=lambda value: value if isinstance(value, bool) else value.match.state,
)
def test_a_match_is_asked_for_by_id_only_when_that_tells_something(one, wanted):
    assert wants_asking(one, NOW_MS) is wanted
