"""A chaos soak: people trade while everything is killed and frozen, and nothing may be lost.

    python -m tests.soak [--minutes 10] [--seed 1] [--lossy] [--json]

Two api-servers, two flushers, a ws-server and a feed run as processes of their own, on a Valkey
(`appendfsync always`) and a PostgreSQL as durable as in production. Traders trade shares and
positions over HTTP; what is not answered is sent to the other api-server under the same key. All
the while faults strike that the seed has drawn. At the end everything runs again, and what traders
were promised is compared with the ledger, to the last figure. With `--lossy` Valkey also comes back
without the last second of its log, or empty: then what only Redis had may be lost, and is counted.

Exit code 0 if every promise was kept; if not, the data directory stays, with the logs in it.
"""

# ruff: noqa: E402 - patching comes first

from gevent import monkey

monkey.patch_all()

import argparse
import json
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

from touchline.store.postgres import install_wait_callback

from .report import Soak
from .run import Options, soak
from .striker import say


def options() -> tuple[Options, bool]:
    """The command line, and whether the last line is to be JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--traders", type=int, default=16)
    parser.add_argument("--lossy", action="store_true", help="Valkey also loses data")
    parser.add_argument("--json", action="store_true", help="a last line for programs")
    given = parser.parse_args()
    return Options(given.minutes * 60, given.seed, given.traders, given.lossy), given.json


def main() -> int:
    chosen, as_json = options()
    install_wait_callback()
    root = Path(tempfile.mkdtemp(prefix="soak-"))
    done = Soak(chosen.seed, chosen.seconds, chosen.lossy)
    try:
        soak(root, chosen, done)
    except Exception:
        # Something did not recover or did not stop; the figures are as far as they got.
        done.wrong["the run itself"] = traceback.format_exc().splitlines()
    print(done.as_text())
    if done.ok:
        shutil.rmtree(root)
    else:
        print(f"data and logs: {root}\nfaults, planned:")
        print("\n".join(map(str, done.faults)))
    if as_json:
        print(json.dumps(done.as_dict()))
    return 0 if done.ok else 1


if __name__ == "__main__":
    code = main()
    say("over")
    sys.exit(code)
