"""Stories of presence by the thousand, or with rules broken one by one.

    python -m tests.presence tell --seeds 0:10000
    python -m tests.presence break

The first ends with how many there were and of which of them something is wrong, each with as few
steps as show it. The second names for every rule the first seed that misses it.
"""

# ruff: noqa: E402 - patching comes first

from gevent import monkey

monkey.patch_all()

import argparse
import sys
import tempfile
from pathlib import Path

import redis as redis_module
from touchline.store.embedded import Embedded
from touchline.store.redis_client import open_redis

from .clocked import Mutate
from .mutations import MUTATIONS
from .story import broken, shortest, story


def tell(client: redis_module.Redis, seeds: range) -> int:
    """Tell the stories of *seeds*; how many end badly."""
    bad, steps_told = 0, 0
    for seed in seeds:
        steps = story(seed)
        steps_told += len(steps)
        if why := broken(client, seed, steps):
            bad += 1
            few = shortest(steps, lambda some, seed=seed: broken(client, seed, some) is not None)
            print(f"seed {seed}: {why}", *map(str, few), sep="\n  ", flush=True)
    print(f"{len(seeds)} stories of {steps_told} steps: {bad} end badly")
    return bad


def break_rules(client: redis_module.Redis, seeds: range, only: str) -> int:
    """Tell them with one rule broken, for each rule; how many are not missed."""
    kept = 0
    for mutation in MUTATIONS:
        where = getattr(mutation, "owner", None)
        name = f"{where.__name__}.{mutation.name}" if where else mutation.name
        if only not in f"{name}: {mutation.why}":
            continue
        with mutation.broken():
            found = next((s for s in seeds if is_missed(client, s, mutation.text)), None)
        kept += found is None
        verdict = "NOT MISSED" if found is None else f"seed {found}"
        print(f"{verdict:>10}  {name}: {mutation.why}", flush=True)
    print(f"{len(MUTATIONS)} rules broken, {kept} not missed in {len(seeds)} stories")
    return kept


def is_missed(client: redis_module.Redis, seed: int, mutate: Mutate) -> bool:
    """Whether a story ends badly without a rule; by a crash, too."""
    try:
        return broken(client, seed, story(seed), mutate) is not None
    except Exception as why:
        print(f"{'':>10}  crashes: {why!r}"[:110])
        return True


def main() -> int:
    """1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.presence", description=__doc__)
    parser.add_argument("what", choices=("tell", "break"))
    parser.add_argument("--seeds", default="0:400", help="from:to")
    parser.add_argument("--only", default="", help="rules with this in their description")
    asked = parser.parse_args()
    seeds = range(*map(int, asked.seeds.split(":")))
    with tempfile.TemporaryDirectory() as root, Embedded(Path(root), fsync=False) as servers:
        client = open_redis(servers.addresses.redis_url, role="test-presence")
        if asked.what == "tell":
            return int(tell(client, seeds) > 0)
        return int(break_rules(client, seeds, asked.only) > 0)


if __name__ == "__main__":
    sys.exit(main())
