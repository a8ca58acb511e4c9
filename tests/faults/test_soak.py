"""The chaos soak, for as long as a suite can bear: whatever dies, nothing promised is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.embedded_process import REPOSITORY
from tests.running import plain_environment

#: Room for seven faults: with this seed both servers, an api-server and a flusher are killed, and
#: all of them freeze, some at the same time.
SEED = 35
MINUTES = 1 / 3


def soaked(*arguments: str) -> dict[str, Any]:
    """The figures of a soak."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--json", *arguments],
        cwd=REPOSITORY,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(done.stdout)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"exit_code": done.returncode}


def test_a_soak_of_twenty_seconds_keeps_every_promise() -> None:
    soak = soaked("--minutes", str(MINUTES), "--seed", str(SEED))

    assert soak["wrong"] == {}
    assert soak["lost"] == {"postgres": 0, "redis": 0}
    assert soak["duplicated"] == 0
    assert len(soak["faults"]) == 7
    assert soak["exit_code"] == 0
