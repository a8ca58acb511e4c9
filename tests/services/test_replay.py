"""A recorded feed played again: the same prices, to the byte, every time."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from touchline.config import FeedSettings, Servers
from touchline.matchserver.matches import goals_at
from touchline.services.record import RecordOptions, RecordRefused, run
from touchline.services.replay import replay, ticks_of
from touchline.services.stores import Stores, open_stores
from touchline.store.recording import read_recording

from tests.fakes.recordings import FINAL, RECORDING, TICKS, record_final

NOWHERE = FeedSettings("http://127.0.0.1:9/v3/football", "t", 2_000)


@pytest.fixture
def replay_stores(servers: Any, redis: Any, pg: Any) -> Iterator[Stores]:
    """Empty stores, as a replay has them."""
    urls = Servers(servers.redis_url, servers.database_url, "")
    stores = open_stores(urls, "replay", connections=2, gated=False)
    yield stores
    stores.close()


def test_a_recording_comes_to_the_same_ticks_to_the_byte(replay_stores: Stores) -> None:
    ticks = "".join(f"{line}\n" for line in ticks_of(read_recording(RECORDING), replay_stores))

    assert ticks == TICKS.read_text(encoding="utf-8")


def test_the_command_prints_them_over_servers_of_its_own() -> None:
    out = io.StringIO()

    assert replay(RECORDING, out) == 0

    assert out.getvalue() == TICKS.read_text(encoding="utf-8")


def test_the_match_settles_to_its_result_whatever_the_feed_said(replay_stores: Stores) -> None:
    for _ in ticks_of(read_recording(RECORDING), replay_stores):
        pass

    (result,) = replay_stores.fixtures.results()
    assert result.score == goals_at(FINAL, FINAL.final_whistle_ms)
    assert result.penalties == (3, 0)


def test_what_the_feed_said_and_took_back_is_in_the_ticks() -> None:
    ticks = [json.loads(line) for line in TICKS.read_text(encoding="utf-8").splitlines()]

    halts = {halt for tick in ticks for halt in tick["halts"]}
    assert halts == {"EVENT", "MATCH_SUSPENDED", "SHOOTOUT", "FEED_STALE"}
    assert ticks[-1]["halts"] == []


def test_the_same_match_is_recorded_to_the_same_bytes(tmp_path: Path) -> None:
    record_final(tmp_path / "again.jsonl")

    assert (tmp_path / "again.jsonl").read_bytes() == RECORDING.read_bytes()


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    options = RecordOptions(tmp_path / "there", NOWHERE, False)

    with pytest.raises(RecordRefused, match="there: File exists"):
        run(options)

    assert (tmp_path / "there").read_text() == "precious"


def test_only_a_match_server_has_a_clock_to_follow(tmp_path: Path) -> None:
    options = RecordOptions(tmp_path / "new", NOWHERE, True)

    with pytest.raises(RecordRefused, match=r"http://127\.0\.0\.1:9 is no match server"):
        run(options)

    assert not (tmp_path / "new").exists()
