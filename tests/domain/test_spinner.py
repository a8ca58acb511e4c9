"""The draw of a week: who wins what follows from seed and board, fairly, and can be done again."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.leaderboard import Week, week_named
from touchline.domain.spinner import (
    PLACES,
    SEED_BYTES,
    WHEEL,
    Entrant,
    Prize,
    Wheel,
    below,
    board_hash,
    commitment,
    draw,
    drawn_from_ms,
    words,
)

SEED = bytes(range(SEED_BYTES))
WORDS = 1 << 64


def the_week(name: str = "2026-W43") -> Week:
    week = week_named(name)
    assert week is not None
    return week


def board(places: int, first_user: int = 1) -> list[Entrant]:
    """So many places; the scores fall from 12.3400 in steps of 5.0000, below nothing as well."""
    return [
        Entrant(rank, first_user + 7 * rank, 123_400 - 50_000 * (rank - 1))
        for rank in range(1, places + 1)
    ]


def test_a_seed_is_promised_by_its_sha_256() -> None:
    assert commitment(b"\x00" * 32).hex() == (
        "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
    )


def test_a_board_is_hashed_as_lines_of_rank_user_and_score() -> None:
    lines = b"1,8,12.3400\n2,15,7.3400\n3,22,2.3400\n4,29,-2.6600\n"

    assert board_hash(board(4)) == hashlib.sha256(lines).hexdigest()
    assert board_hash([]) == hashlib.sha256(b"").hexdigest()


def test_random_words_are_quarters_of_hmac_sha_256_over_a_counter() -> None:
    blocks = b"".join(hmac.digest(SEED, f"about|{n}".encode(), "sha256") for n in range(3))

    found = list(islice(words(SEED, "about"), 12))

    assert b"".join(word.to_bytes(8, "big") for word in found) == blocks


def test_a_week_is_drawn_five_minutes_after_its_end() -> None:
    week = the_week()

    assert drawn_from_ms(week) - week.ends_ms == 300_000


def test_the_draw_of_a_known_seed_and_board_is_a_known_one() -> None:
    """Golden: whoever changes the rules changes the scheme's name as well."""
    prizes = draw(SEED, the_week(), board(12), WHEEL)

    assert [(each.number, each.user, each.segment, each.amount_e4) for each in prizes] == GOLDEN


def test_each_prize_is_drawn_from_words_of_its_own_for_winner_and_segment_in_turn() -> None:
    entrants = board(2)
    about = f"2026-W43|{board_hash(entrants)}||1"
    lots = words(SEED, about)
    ticket, segment = next(lots) % 199, next(lots) % len(WHEEL.segments)

    first, _ = draw(SEED, the_week(), entrants, WHEEL)

    winner = entrants[0] if ticket < 100 else entrants[1]
    assert first == Prize(1, winner.user, segment, WHEEL.segments[segment])


@pytest.mark.parametrize("places", [0, 1, 3, 10, 11, 100])
def test_there_are_as_many_winners_as_there_are_players_for_prizes(places: int) -> None:
    prizes = draw(SEED, the_week(), board(places), WHEEL)

    assert [each.number for each in prizes] == list(range(1, min(places, WHEEL.winners) + 1))


seeds = st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES)
wheels = st.builds(
    Wheel,
    st.integers(1, 120),
    st.lists(st.integers(1, 10**9), min_size=1, max_size=30).map(tuple),
)


@given(seeds, st.integers(0, PLACES), wheels)
def test_winners_are_distinct_and_on_the_board_and_amounts_on_the_wheel(
    seed: bytes, places: int, wheel: Wheel
) -> None:
    entrants = board(places)

    prizes = draw(seed, the_week(), entrants, wheel)

    users = [each.user for each in prizes]
    assert len(users) == len(set(users)) == min(places, wheel.winners)
    assert set(users) <= {each.user for each in entrants}
    assert all(each.amount_e4 == wheel.segments[each.segment] for each in prizes)
    assert draw(seed, the_week(), entrants, wheel) == prizes


@given(st.integers(1, WORDS), st.lists(st.integers(0, WORDS - 1), min_size=1))
def test_a_word_counts_if_it_is_below_the_last_whole_multiple(bound: int, drawn: list[int]) -> None:
    fair = [word for word in drawn if word < WORDS // bound * bound]
    lots = iter([*drawn, 0])

    found = below(lots, bound)

    assert found == (fair[0] if fair else 0) % bound
    assert len(list(lots)) == (len(drawn) - drawn.index(fair[0]) if fair else 0)


def test_a_word_that_would_favour_low_numbers_is_passed_over() -> None:
    bound = 3 * 2**62  # of the words a quarter is too high
    assert below(iter([bound, WORDS - 1, 5]), bound) == 5
    assert below(iter([bound - 1, 5]), bound) == bound - 1


def chi_square(found: Counter[int], expected: dict[int, float]) -> float:
    return sum((found[each] - wanted) ** 2 / wanted for each, wanted in expected.items())


def test_first_prizes_go_by_tickets_and_all_segments_are_as_likely() -> None:
    """Both below the 99.9th percentile of chi-square; the seed is fixed, so it never flakes."""
    chance, times, entrants = random.Random(43), 4_000, board(20)
    firsts = [draw(chance.randbytes(32), the_week(), entrants, WHEEL)[0] for _ in range(times)]
    tickets = sum(each.tickets for each in entrants)

    by_user = {each.user: times * each.tickets / tickets for each in entrants}
    by_segment = {n: times / len(WHEEL.segments) for n in range(len(WHEEL.segments))}
    assert chi_square(Counter(each.user for each in firsts), by_user) < 43.8  # 19 degrees
    assert chi_square(Counter(each.segment for each in firsts), by_segment) < 31.3  # 11 degrees


def test_one_bit_of_the_seed_or_one_coin_of_the_board_is_another_draw() -> None:
    entrants, week = board(100), the_week()
    other_seed = SEED[:-1] + bytes([SEED[-1] ^ 1])
    other_board = [*entrants[:-1], Entrant(100, entrants[-1].user, entrants[-1].score_e4 - 1)]

    draws = [
        draw(SEED, week, entrants, WHEEL),
        draw(other_seed, week, entrants, WHEEL),
        draw(SEED, week, other_board, WHEEL),
        draw(SEED, the_week("2026-W44"), entrants, WHEEL),
    ]

    assert len(set(draws)) == 4


GOLDEN = [
    (1, 85, 3, 2000000),
    (2, 64, 5, 5000000),
    (3, 15, 2, 500000),
    (4, 50, 2, 500000),
    (5, 36, 9, 10000000),
    (6, 22, 8, 500000),
    (7, 43, 0, 500000),
    (8, 78, 6, 500000),
    (9, 57, 5, 5000000),
    (10, 71, 8, 500000),
]
