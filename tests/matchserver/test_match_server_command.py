"""The match server as a process of its own."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from touchline.matchserver.command import choose_season
from touchline.matchserver.matches import SeasonError

from tests.matchserver.match_days import Client
from tests.matchserver.season_files import SMALL_CUP

PROGRAM = f"""
from gevent import monkey
monkey.patch_all()
from pathlib import Path
from touchline.matchserver.command import run
run(Path({str(SMALL_CUP)!r}), None, 1.0, 0)
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_serves_and_stops_on_a_signal(ending):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.fullmatch(
            r"Small Cup: 8 matches on (http://127\.0\.0\.1:\d+/v3/football)\n", line
        )
        assert address is not None, line

        status = Client(address[1]).status("/states")
        process.send_signal(ending)

        assert (status, process.wait(timeout=5)) == (200, 0)


@pytest.mark.parametrize(("matches", "seed"), [(None, None), (SMALL_CUP, 7)])
def test_either_a_file_or_a_seed_must_be_given(matches: Path | None, seed: int | None):
    with pytest.raises(SeasonError, match="--matches FILE or --season SEED"):
        choose_season(matches, seed)


def test_a_seed_or_a_file_is_the_season_played():
    assert len(choose_season(None, 7).matches) == 380
    assert choose_season(SMALL_CUP, None).name == "Small Cup"
