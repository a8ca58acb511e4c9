"""The match server as a process of its own."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from touchline.matchserver.command import choose_faults, choose_season
from touchline.matchserver.faults import FaultPlan
from touchline.matchserver.lies import Vanish
from touchline.matchserver.matches import SeasonError
from touchline.matchserver.mischief import random_plan
from touchline.matchserver.openfootball import load_openfootball

from tests.matchserver.match_days import Client
from tests.matchserver.season_files import SMALL_CUP

PROGRAM = f"""
from gevent import monkey
monkey.patch_all()
from pathlib import Path
from touchline.matchserver.command import run
from touchline.matchserver.faults import FaultPlan, RequestFault
from touchline.matchserver.openfootball import load_openfootball
tired = FaultPlan(requests=(RequestFault("status", status=503),))
run(load_openfootball(Path({str(SMALL_CUP)!r})), tired, 1.0, 0)
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

        client = Client(address[1])
        statuses = client.status("/states"), client.status("/states")
        process.send_signal(ending)

        assert (statuses, process.wait(timeout=5)) == ((503, 200), 0)


@pytest.mark.parametrize(("matches", "seed"), [(None, None), (SMALL_CUP, 7)])
def test_either_a_file_or_a_seed_must_be_given(matches: Path | None, seed: int | None):
    with pytest.raises(SeasonError, match="--matches FILE or --season SEED"):
        choose_season(matches, seed)


def test_a_seed_or_a_file_is_the_season_played():
    assert len(choose_season(None, 7).matches) == 380
    assert choose_season(SMALL_CUP, None).name == "Small Cup"


CUP = load_openfootball(SMALL_CUP)


def test_faults_are_those_of_a_file_or_of_a_seed_or_there_are_none(tmp_path):
    file = tmp_path / "faults.json"
    file.write_text('{"lies": [{"kind": "vanish", "fixture": 7, "from_ms": 0, "to_ms": 9}]}')

    assert choose_faults(CUP, file, None) == FaultPlan(lies=(Vanish(7, 0, 9),))
    assert choose_faults(CUP, None, 3) == random_plan(CUP, 3)
    assert choose_faults(CUP, None, None) == FaultPlan()
    with pytest.raises(SeasonError, match="--faults FILE or --random-faults SEED"):
        choose_faults(CUP, file, 3)


@pytest.mark.parametrize("content", ["", "[]", '{"lies": [{"kind": "hat"}]}', "\xff"])
def test_a_file_that_is_no_plan_is_refused_with_its_name(tmp_path, content):
    file = tmp_path / "faults.json"
    file.write_bytes(content.encode("latin-1"))

    with pytest.raises(SeasonError, match=r"faults\.json: "):
        choose_faults(CUP, file, None)
