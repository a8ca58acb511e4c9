"""What a feed said, in a file: nothing that was read is lost, and saying it again costs little."""

import io
import json

import msgspec
import pytest
from touchline.store.outage import FeedUnavailable
from touchline.store.recording import Recorder, RecordingUnreadable, read_recording
from touchline.store.replayed_web import ReplayedWeb
from touchline.store.sportmonks import Sportmonks
from touchline.store.web import Answer, NoAnswer

from tests.fakes.clock import FakeClock
from tests.fakes.sportmonks import HOME, a_fixture, event, goals

BASE = "http://feed/v3/football"
REPLAYED = "http://recording"
NOTHING = {"message": "No result(s) found matching your request."}


class Said:
    """A feed that says what a test has it say, a recorder of it, and the file as it is read."""

    def __init__(self, tmp_path):
        self.clock = FakeClock(0)
        self.answer = None
        self.file = io.StringIO()
        web = Recorder(self, BASE, self.clock.calendar, self.file)
        self.feed = Sportmonks(BASE, "secret", web=web)
        self._path = tmp_path / "said.jsonl"

    def get(self, url, headers):
        if isinstance(self.answer, NoAnswer):
            raise self.answer
        return self.answer

    def says(self, *fixtures, status=200, **fields):
        content = {"data": list(fixtures)} | fields if fixtures else fields
        self.answer = Answer(status, {}, msgspec.json.encode(content))
        return self

    def looked_at(self, after_s=2):
        self.clock.advance(after_s)
        return self.asked(self.feed)

    def asked(self, feed):
        try:
            return feed.inplay()
        except FeedUnavailable as error:
            return str(error)

    def lines(self):
        return [json.loads(line) for line in self.file.getvalue().splitlines()]

    def read(self):
        self._path.write_text(self.file.getvalue(), encoding="utf-8")
        return list(read_recording(self._path))

    def again(self):
        """What the same looks come to, asked of the recording: (instant, what was seen)."""
        lines, clock = self.read(), FakeClock(0)
        feed = Sportmonks(REPLAYED, "secret", web=ReplayedWeb(lines, clock.calendar))
        seen = []
        for line in lines:
            clock.advance((line.at - clock.calendar()) / 1000)
            seen.append(self.asked(feed))
        return seen


@pytest.fixture
def said(tmp_path):
    return Said(tmp_path)


def in_minute(minute, **fields):
    return a_fixture(periods=[{"sort_order": 2, "ticking": True, "minutes": minute}], **fields)


def test_what_was_seen_is_seen_again(said):
    other = a_fixture(id=5, events=[event(20, HOME, id=9, player_name="Kovač")])
    seen = [
        said.says(in_minute(58), other).looked_at(),
        said.says(in_minute(59), other).looked_at(),
        said.says(in_minute(59, scores=goals("CURRENT", 2, 0))).looked_at(),
        said.says(**NOTHING).looked_at(),
        said.says(in_minute(60), other).looked_at(),
    ]

    assert said.again() == seen
    assert [len(matches) for matches in seen] == [2, 2, 1, 0, 2]


def test_of_a_fixture_only_what_is_new_is_written(said):
    said.says(in_minute(58)).looked_at()
    said.says(in_minute(59)).looked_at()
    said.says(in_minute(59), in_minute(1, id=5)).looked_at()

    _, second, third = said.lines()

    assert second["data"] == [
        {"id": 19135001, "periods": [{"sort_order": 2, "ticking": True, "minutes": 59}]}
    ]
    assert third["data"][0] == 19135001
    assert third["data"][1]["id"] == 5


def test_the_same_again_is_written_once_a_minute(said):
    for remaining in range(60):
        said.says(in_minute(58), rate_limit={"remaining": remaining, "resets_in_seconds": 9})
        said.looked_at()

    assert [line["at"] for line in said.lines()] == [2_000, 62_000]
    assert said.lines()[1]["data"] == [19135001]


def test_failures_fail_again(said):
    failures = [said.says(in_minute(58)).looked_at()]
    refusal = {"remaining": 0, "resets_in_seconds": 9}
    failures.append(said.says(message="Too many", status=429, rate_limit=refusal).looked_at())
    said.answer = Answer(200, {}, b"<html>\xff")
    failures.append(said.looked_at())
    said.answer = Answer(503, {}, b'{"message":"down"}')
    failures.append(said.looked_at())
    said.answer = NoAnswer("no answer in 3 s")
    failures.append(said.looked_at())
    failures.append(said.says(a_fixture(scores=[]), a_fixture(id="7")).looked_at())
    failures.append(said.says(in_minute(58)).looked_at())

    assert said.again() == failures
    assert failures[1] == "rate limit reached, resets in 9 s"
    assert failures[4] == "no answer in 3 s"
    assert failures[5] == ()


def test_no_token_is_written(said):
    said.says(in_minute(58)).looked_at()

    assert "secret" not in said.file.getvalue()


def test_where_nobody_asked_nothing_was_said(said):
    said.says(in_minute(58)).looked_at()
    clock = FakeClock(2_000)
    feed = Sportmonks(REPLAYED, "t", web=ReplayedWeb(said.read(), clock.calendar))
    assert len(feed.inplay()) == 1

    clock.advance(131)

    with pytest.raises(FeedUnavailable, match="nothing was recorded"):
        feed.inplay()


def test_a_match_is_found_by_its_number_as_it_was_shown_last(said):
    said.says(in_minute(58)).looked_at()
    said.says(in_minute(59)).looked_at()
    clock = FakeClock(4_000)
    web = ReplayedWeb(said.read(), clock.calendar)
    feed = Sportmonks(REPLAYED, "t", web=web)

    # Nobody had asked by number then.
    assert [match.minute for match in feed.fixtures([5, 19135001])] == [59]


def test_a_page_of_a_listing_is_there_once_it_had_been_read(said):
    pages = said.feed.list_fixtures(0, 1)
    said.says(a_fixture(id=7), pagination={"has_more": True})
    first = pages.read()
    said.clock.advance(2)
    said.says(a_fixture(id=8), pagination={"has_more": False})
    second = pages.read()

    clock = FakeClock(0)
    again = Sportmonks(REPLAYED, "t", web=ReplayedWeb(said.read(), clock.calendar))
    replayed = again.list_fixtures(0, 1)
    assert replayed.read() == first
    with pytest.raises(FeedUnavailable, match="recorded later"):
        replayed.read()
    clock.advance(2)

    assert replayed.read() == second
    assert not replayed.more


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        '{"at": 1}',
        '{"at": 1, "ask": "/livescores/inplay", "surprise": 1}',
        '{"at": 1, "ask": "/livescores/inplay", "status": 200, "data": [7]}',
        '{"at": 1, "ask": "/livescores/inplay", "status": 200, "data": [{}]}',
        '{"at": 1, "ask": "/livescores/inplay", "status": 200, "data": ["7"]}',
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_its_line(tmp_path, line):
    path = tmp_path / "said.jsonl"
    path.write_text(f'{{"at": 0, "ask": "/livescores/inplay", "error": "down"}}\n{line}\n')

    with pytest.raises(RecordingUnreadable, match=r"said\.jsonl:2: "):
        list(read_recording(path))
