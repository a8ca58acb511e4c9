#!/usr/bin/env python3
"""Draws a week of the spinner again, and says whether the exchange told the truth.

    python3 verify_spinner.py https://exchange.example 2026-W43
    python3 verify_spinner.py proof.json

Nothing but Python's own library is needed, and nothing of the exchange is believed: the seed has to
be the one whose hash was told before the week, and winners and amounts have to follow from it.

What a proof cannot show by itself is that the hash was told before, and that the board is the one
that everybody saw. Keep them yourself, and give them along:

    --commit HEX    the `commit` that you wrote down before the week was over
    --board FILE    the leaderboard of the week as you saved it (JSON with `ranks`)

Ends with 0 if everything agrees, 1 if something does not, 2 if there is nothing to look at yet.
The rules are those of docs/market.md, "The weekly spinner".
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

SCHEME, PLACES = "touchline-spinner-1", 100


def words(seed: bytes, about: str) -> Iterator[int]:
    """Random 64-bit words: pieces of HMAC-SHA256(seed, about|0), (seed, about|1) and so on."""
    number = 0
    while True:
        block = hmac.new(seed, f"{about}|{number}".encode(), hashlib.sha256).digest()
        for at in (0, 8, 16, 24):
            yield int.from_bytes(block[at : at + 8], "big")
        number += 1


def below(lots: Iterator[int], bound: int) -> int:
    """A fair whole number below bound: words beyond its last whole multiple are passed over."""
    limit = 2**64 - 2**64 % bound
    while True:
        word = next(lots)
        if word < limit:
            return word % bound


def draw(proof: dict[str, Any], seed: bytes, board_hash: str) -> list[dict[str, Any]]:
    """The winners, from nothing but seed, board and wheel."""
    pool, results = list(proof["board"]), []
    for number in range(1, min(proof["winners"], len(pool)) + 1):
        lots = words(seed, f"{proof['week']}|{board_hash}|{proof['beacon']}|{number}")
        ticket = below(lots, sum(PLACES + 1 - place["rank"] for place in pool))
        segment = below(lots, len(proof["segments"]))
        for place in pool:
            ticket -= PLACES + 1 - place["rank"]
            if ticket < 0:
                break
        pool.remove(place)
        amount = proof["segments"][segment]
        results.append(
            {"number": number, "user_id": place["user_id"], "segment": segment, "amount": amount}
        )
    return results


def hash_of(board: list[dict[str, Any]]) -> str:
    """SHA-256 of a line rank,user_id,score for each place."""
    lines = "".join(f"{one['rank']},{one['user_id']},{one['score']}\n" for one in board)
    return hashlib.sha256(lines.encode()).hexdigest()


def complaints(
    proof: dict[str, Any], commit: str | None, seen: list[dict[str, Any]] | None
) -> Iterator[str]:
    """Everything that does not agree."""
    if proof["scheme"] != SCHEME:
        yield f"it was drawn by other rules ({proof['scheme']}) than this program knows"
    seed = bytes.fromhex(proof["seed"])
    told, board_hash = hashlib.sha256(seed).hexdigest(), hash_of(proof["board"])
    if told != proof["commit"]:
        yield f"the hash of the seed is {told}, and not {proof['commit']}, as was promised"
    if commit is not None and commit.strip().lower() != told:
        yield f"you wrote down another commit than {told}"
    yield from faults_of(proof["board"], seen)
    if board_hash != proof["board_hash"]:
        yield f"the hash of the board is {board_hash}, not {proof['board_hash']}"
    if draw(proof, seed, board_hash) != proof["results"]:
        yield "winners or amounts are not those that follow from seed and board"


def faults_of(board: list[dict[str, Any]], seen: list[dict[str, Any]] | None) -> Iterator[str]:
    """What is wrong with a board, or with it beside the one that was saved."""
    if [one["rank"] for one in board] != list(range(1, len(board) + 1)) or len(board) > PLACES:
        yield "the board does not have each place once, from the first on"
    if len({one["user_id"] for one in board}) != len(board):
        yield "somebody is on the board twice"
    if seen is not None:
        shown = min(len(seen), PLACES)  # fewer may have been saved than have tickets
        places = [[(one["rank"], one["user_id"], one["score"]) for one in b] for b in (seen, board)]
        if places[0][:shown] != places[1][:shown]:
            yield "the board is not the one that you saved"


def late(proof: dict[str, Any]) -> bool:
    """Whether the seed was promised when the board was known, by the exchange's own account."""
    monday = datetime.strptime(proof["week"] + "-1", "%G-W%V-%u").replace(tzinfo=UTC)
    return datetime.fromisoformat(proof["committed_at"]) >= monday + timedelta(days=7)


def read(where: str, week: str | None) -> dict[str, Any]:
    """The proof, from the exchange or from a file."""
    if week is None:
        with open(where, encoding="utf-8") as file:
            found = json.load(file)
    else:
        if not where.startswith(("http://", "https://")):
            raise ValueError(f"{where} is no address of an exchange")
        address = f"{where.rstrip('/')}/v1/spinner/{week}/proof"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 — http or https, as looked at above
            found = json.load(answer)
        if found["week"] != week:
            raise ValueError(f"asked for {week}, got {found['week']}")
    return dict(found)


def main() -> int:
    """Look at one proof; 0, 1 or 2 as said above."""
    parser = argparse.ArgumentParser(description="Draw a week of the spinner again.")
    parser.add_argument("where", help="address of the exchange, or a file with a proof")
    parser.add_argument("week", nargs="?", help="such as 2026-W43; with an address")
    parser.add_argument("--commit", help="what you wrote down before the week was over")
    parser.add_argument("--board", help="file with the leaderboard that you saved")
    given = parser.parse_args()
    try:
        proof = read(given.where, given.week)
        seen = None
        if given.board:
            with open(given.board, encoding="utf-8") as file:
                seen = json.load(file)["ranks"]
        if proof["seed"] is None:
            print(f"{proof['week']}: not drawn yet; promised is {proof['commit']}")
            return 2
        found = list(complaints(proof, given.commit, seen))
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as why:
        print(f"this is no proof that can be read: {type(why).__name__}: {why}")
        return 1
    for one in found:
        print(f"WRONG: {one}")
    if not found:
        print(f"{proof['week']}: right. {len(proof['results'])} prizes follow from the seed.")
        print(f"commit {proof['commit']}, told at {proof['committed_at']}")
        if late(proof):
            print("  LATE: by its own account that was when the week was over already")
        for one in proof["results"]:
            print(f"  {one['number']:>2}. user {one['user_id']}: {one['amount']}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
