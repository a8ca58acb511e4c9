"""How clubs get their instruments: numbers and symbols, once and for ever."""

from itertools import islice

import pytest
from touchline.domain.match import Team
from touchline.store.clubs import symbols
from touchline.store.matches import Matches

from tests.fakes.matches import ARSENAL, EVERTON, FULHAM, a_match


@pytest.mark.parametrize(
    ("team", "first"),
    [
        (Team(1, "Arsenal", "ARS"), ["ARS", "ARS", "ARSE", "ARSEN"]),
        (Team(2, "Türkiye", None), ["TUR", "TURK", "TURKI"]),
        (Team(3, "1. FC Köln", "köl"), ["KOL", "1FC", "1FCK"]),
        (Team(4, "Ол", "Ол"), ["CLU", "CLUB", "CLUB", "CLUB", "CLUB"]),
        (Team(5, "AIK", "A"), ["AIK"]),
        (Team(6, "Schalke 04", "04"), ["SCH"]),
        (Team(7, "1860 München", "1860"), ["1860M"]),
        (Team(8, "2000", None), ["CLU", "CLUB", "CLUB2"]),
    ],
    ids=lambda value: value.name if isinstance(value, Team) else "",
)
def test_a_symbol_is_the_code_or_as_much_of_the_name_as_it_takes(team, first):
    assert list(islice(symbols(team), len(first))) == first


def test_there_is_always_another_symbol():
    names = list(islice(symbols(Team(1, "Wolverhampton Wanderers", "WOL")), 200))

    assert len(set(names)) > 150
    assert max(map(len, names)) == 12


def listed(matches):
    return {i.name: (i.idx, i.symbol) for i in matches.untraded()}


def test_clubs_are_numbered_by_their_id_and_keep_their_numbers(pg):
    matches = Matches(pg)

    matches.plan([a_match(sides=(ARSENAL, EVERTON))], 1)
    matches.plan([a_match(fixture=501, sides=(FULHAM, ARSENAL))], 2)

    assert listed(matches) == {
        "Everton": (1, "EVE"),
        "Arsenal": (2, "ARS"),
        "Fulham": (3, "FUL"),
    }


def test_clubs_of_the_same_code_get_different_symbols(pg):
    matches = Matches(pg)
    chelsea, chester = Team(1, "Chelsea", "CHE"), Team(2, "Chester", "CHE")

    matches.plan([a_match(sides=(chelsea, chester))], 1)

    assert listed(matches) == {"Chelsea": (1, "CHE"), "Chester": (2, "CHES")}


def test_a_club_that_is_renamed_keeps_its_instrument(pg):
    matches = Matches(pg)
    matches.plan([a_match()], 1)

    matches.plan([a_match(sides=(Team(ARSENAL.id, "The Arsenal", "GUN"), EVERTON))], 2)

    assert listed(matches)["Arsenal"] == (2, "ARS")
    assert matches.open().tracked[0].match.home.name == "The Arsenal"
