"""Fixture objects as Sportmonks football v3 writes them."""

HOME, AWAY = 19, 13


def a_fixture(**fields):
    """A match in its second half as the feed writes it, or whatever *fields* change of it."""
    fixture = {
        "id": 19135001,
        "league_id": 8,
        "round_id": 372185,
        "state_id": 22,
        "name": "Arsenal vs Everton",
        "starting_at": "2026-10-24 14:00:00",
        "starting_at_timestamp": 1792850400,
        "state": {"id": 22, "developer_name": "INPLAY_2ND_HALF"},
        "league": {"id": 8, "name": "Premier League"},
        "participants": [
            {"id": HOME, "name": "Arsenal", "short_code": "ARS", "meta": {"location": "home"}},
            {"id": AWAY, "name": "Everton", "short_code": None, "meta": {"location": "away"}},
        ],
        "scores": [*goals("1ST_HALF", 0, 0), *goals("CURRENT", 1, 0)],
        "periods": [
            {"sort_order": 1, "ticking": False, "minutes": 47, "counts_from": 0},
            {"sort_order": 2, "ticking": True, "minutes": 58, "counts_from": 45},
        ],
        "events": [event(14, HOME)],
    }
    return fixture | fields


def goals(description, home, away):
    """Both sides' entries of one score."""
    return [
        {"description": description, "score": {"goals": home, "participant": "home"}},
        {"description": description, "score": {"goals": away, "participant": "away"}},
    ]


def event(type_id, participant_id, **fields):
    """One event of a match."""
    return {"type_id": type_id, "participant_id": participant_id, "rescinded": None} | fields
