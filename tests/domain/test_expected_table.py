"""The table of expected results in docs/ is what the code computes, on every machine."""

import importlib.util
from pathlib import Path

from touchline.domain.expected import expected_bps

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("index_table", ROOT / "bench" / "index_table.py")
index_table = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(index_table)


def test_the_table_that_is_committed_is_the_one_that_is_computed():
    assert index_table.TABLE.read_text(encoding="utf-8") == index_table.table()


def test_a_row_says_what_its_head_promises():
    head, *rows = (line.split(",") for line in index_table.table().splitlines())

    for row in rows[::37]:
        values = dict(zip(head, row, strict=True))
        rating, home, away, left = (int(values[name]) for name in head[:4])
        for lead in head[4:]:
            assert int(values[lead]) == expected_bps(rating, left, int(lead), home, away)


def test_every_number_is_a_whole_one_between_lost_and_won():
    rows = [line.split(",")[4:] for line in index_table.table().splitlines()[1:]]

    assert len(rows) * len(rows[0]) > 3_000
    for row in rows:
        values = list(map(int, row))
        assert values == sorted(values)
        assert values[0] >= 0
        assert values[-1] <= 10_000
