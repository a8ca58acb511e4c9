"""The program that a sceptic runs: it finds a true draw right, and each that was tampered with.

It runs as they run it: as a process, with a Python that has nothing but its own library.
"""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.listener import HttpListener
from touchline.actors.tree import Tree
from touchline.domain.ids import UserId
from touchline.domain.leaderboard import week_named
from touchline.domain.money import format_e4
from touchline.domain.spinner import BEACON, SCHEME, WHEEL, Entrant, board_hash, commitment, draw
from touchline.http.serve import ServerFactory

from tests.api.conftest import Api, Trader
from tests.api.test_spinner import drawn

PROGRAM = Path(__file__).resolve().parents[2] / "web" / "verify_spinner.py"
Proof = dict[str, Any]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, without anything that is installed."""
    command = [sys.executable, "-I", "-S", str(PROGRAM), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def verified(tmp_path: Path, proof: Proof, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof), encoding="utf-8")
    return run(str(file), *arguments)


def made(seed: bytes, places: int, week: str = "2026-W43") -> Proof:
    """A proof as the exchange tells it; that it tells it so is another test's matter."""
    named = week_named(week)
    assert named is not None
    entrants = [Entrant(n, UserId(1000 - n), 50_000 - 12_345 * n) for n in range(1, places + 1)]
    prizes = draw(seed, named, entrants, WHEEL)
    return {
        "scheme": SCHEME,
        "week": week,
        "status": "announced",
        "commit": commitment(seed).hex(),
        "committed_at": "2026-10-12T00:00:01.000Z",
        "beacon": BEACON,
        "winners": WHEEL.winners,
        "segments": [format_e4(each) for each in WHEEL.segments],
        "board_hash": board_hash(entrants),
        "board": [
            {"rank": each.rank, "user_id": each.user, "score": format_e4(each.score_e4)}
            for each in entrants
        ],
        "seed": seed.hex(),
        "results": [
            {
                "number": each.number,
                "user_id": each.user,
                "segment": each.segment,
                "amount": format_e4(each.amount_e4),
            }
            for each in prizes
        ],
        "verifier": "/web/verify_spinner.py",
    }


TRUE = made(bytes(range(32)), 30)


def test_a_draw_of_the_exchange_is_found_right(api: Api, ada: Trader, tmp_path: Path) -> None:
    people = [ada, *(api.sign_in(f"p{number}@example.com") for number in range(12))]
    week = drawn(api, *people)
    proof = api.get(f"/v1/spinner/{week.name}/proof").get_json()

    done = verified(tmp_path, proof, "--commit", proof["commit"])

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{week.name}: right. 10 prizes" in done.stdout
    assert proof.keys() == TRUE.keys()


@pytest.fixture
def address(api: Api) -> Iterator[str]:
    server = ServerFactory("127.0.0.1", 0, api.app)
    children = [Child("http", lambda: HttpListener(server))]
    tree = Tree.start(children, name="api-server", addresses=Addresses())
    yield f"http://127.0.0.1:{server.port}"
    assert tree.stop(5).clean


def test_it_asks_the_exchange_itself(api: Api, ada: Trader, address: str) -> None:
    week = drawn(api, ada)

    done = run(address, week.name)

    assert done.returncode == 0, done.stdout + done.stderr
    assert run(address, "2020-W01").returncode == 1


def test_what_is_not_drawn_yet_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    proof = TRUE | {"seed": None, "board": [], "results": [], "board_hash": None}

    done = verified(tmp_path, proof)

    assert (done.returncode, TRUE["commit"] in done.stdout) == (2, True)


def test_both_draw_the_same_from_any_seed_and_board(tmp_path: Path) -> None:
    chance = random.Random(1)
    for places in (0, 1, 2, 9, 10, 11, 57, 99, 100):
        done = verified(tmp_path, made(chance.randbytes(32), places))
        assert done.returncode == 0, (places, done.stdout + done.stderr)


def flipped(text: str) -> str:
    """*text*, hexadecimal, with another first digit."""
    return ("0" if text[0] != "0" else "1") + text[1:]


def swap(proof: Proof, name: str, one: int = 0, other: int = 1) -> None:
    rows = proof[name]
    rows[one], rows[other] = rows[other], rows[one]


def other_seed(proof: Proof) -> None:
    """A whole other draw, but for what was promised."""
    proof.update(made(b"\x07" * 32, 30) | {"commit": proof["commit"]})


TAMPERED: dict[str, Callable[[Proof], object]] = {
    "another seed": lambda p: p.update(seed=flipped(p["seed"])),
    "another draw": other_seed,
    "another commit": lambda p: p.update(commit=flipped(p["commit"])),
    "another week": lambda p: p.update(week="2026-W44"),
    "another beacon": lambda p: p.update(beacon="00"),
    "another scheme": lambda p: p.update(scheme="touchline-spinner-2"),
    "another hash of the board": lambda p: p.update(board_hash=flipped(p["board_hash"])),
    "a better score": lambda p: p["board"][4].update(score="9999.0000"),
    "somebody else on the board": lambda p: p["board"][4].update(user_id=31),
    "somebody left out": lambda p: p["board"].pop(),
    "two places exchanged": lambda p: swap(p, "board"),
    "a place twice": lambda p: p["board"].append(dict(p["board"][-1])),
    "a rank that was moved": lambda p: p["board"][3].update(rank=1),
    "another winner": lambda p: p["results"][0].update(user_id=31),
    "two winners exchanged": lambda p: swap(p, "results"),
    "more money": lambda p: p["results"][0].update(amount="1000000.0000"),
    "another segment": lambda p: p["results"][0].update(
        segment=(p["results"][0]["segment"] + 1) % 12
    ),
    "a prize left out": lambda p: p["results"].pop(),
    "a prize added": lambda p: p["results"].append(dict(p["results"][0], number=11)),
    "a wheel with more on it": lambda p: p.update(segments=[*p["segments"], "5000.0000"]),
    "other amounts on the wheel": lambda p: p.update(segments=["1.0000"] * len(p["segments"])),
    "fewer winners": lambda p: p.update(winners=9),
    "no wheel": lambda p: p.update(segments=[]),
    "a seed that is none": lambda p: p.update(seed="xyz"),
    "no board": lambda p: p.pop("board"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_every_tampering_is_found(tmp_path: Path, what: str) -> None:
    proof = copy.deepcopy(TRUE)
    TAMPERED[what](proof)
    assert proof != TRUE

    done = verified(tmp_path, proof)

    assert done.returncode == 1, done.stdout
    assert done.stderr == ""


def test_a_draw_that_is_right_in_itself_but_was_not_promised_is_found_by_the_commit_one_kept(
    tmp_path: Path,
) -> None:
    """What an operator could do who drew again: all of the proof is of the other draw."""
    done = verified(tmp_path, made(b"\x07" * 32, 30), "--commit", TRUE["commit"])

    assert done.returncode == 1
    assert "you wrote down another commit" in done.stdout


def test_a_board_that_is_not_the_one_that_everybody_saw_is_found_by_the_one_that_was_saved(
    tmp_path: Path,
) -> None:
    saved, false = tmp_path / "board.json", copy.deepcopy(TRUE["board"])
    saved.write_text(json.dumps({"ranks": [row | {"display_name": "x"} for row in false]}))
    assert verified(tmp_path, TRUE, "--board", str(saved)).returncode == 0

    false[2]["user_id"] = 4711
    saved.write_text(json.dumps({"ranks": false}))

    assert verified(tmp_path, TRUE, "--board", str(saved)).returncode == 1


def test_a_promise_that_came_when_the_board_was_known_is_pointed_at(tmp_path: Path) -> None:
    early = verified(tmp_path, TRUE | {"committed_at": "2026-10-25T23:59:59.999Z"})
    late = verified(tmp_path, TRUE | {"committed_at": "2026-10-26T00:00:00.000Z"})

    assert ("LATE" in early.stdout, "LATE" in late.stdout) == (False, True)


def test_what_is_no_proof_is_said_to_be_none(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", "null", '{"seed": 1}'):
        file = tmp_path / "x.json"
        file.write_text(text)
        done = run(str(file))
        assert (done.returncode, done.stderr) == (1, ""), text
    assert run(str(tmp_path / "nothing.json")).returncode == 1
    assert run("file:///etc", "2026-W43").returncode == 1
