"""The feed's client over real HTTP: every answer is complete, or the feed is unavailable."""

import gevent
import msgspec
import pytest
from gevent import socket
from gevent.pywsgi import WSGIServer
from touchline.store.feed import RateLimited
from touchline.store.outage import FeedUnavailable
from touchline.store.sportmonks import Sportmonks

from tests.fakes.sportmonks import a_fixture

DAY_MS = 86_400_000
START_MS = 1_792_800_000_000  # 2026-10-24 00:00 UTC
NOTHING = b'{"message":"No result(s) found matching your request."}'


class Site:
    """An HTTP server that gives `replies` in turn (the last one again) and keeps the requests."""

    def __init__(self):
        self.replies = [("200 OK", NOTHING)]
        self.requests = []
        self._server = WSGIServer(("127.0.0.1", 0), self._answer, log=None)
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v3/football"

    def reply(self, *replies):
        self.replies = list(replies)

    def stop(self):
        self._server.stop(timeout=0)

    def _answer(self, environ, start_response):
        self.requests.append(environ)
        status, body = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        start_response(status, [("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture
def site():
    site = Site()
    yield site
    site.stop()


@pytest.fixture
def feed(site):
    return Sportmonks(site.url, "secret-token")


def found(*fixtures, **fields):
    return "200 OK", msgspec.json.encode({"data": list(fixtures)} | fields)


def listed(feed, start_ms, end_ms):
    """Every page of a listing."""
    pages, matches = feed.list_fixtures(start_ms, end_ms), ()
    while pages.more:
        matches += pages.read()
    return matches


def test_matches_in_play_are_asked_for_with_all_that_counts(site, feed):
    site.reply(found(a_fixture()))

    matches = feed.inplay()

    assert [match.fixture for match in matches] == [19135001]
    assert site.requests[0]["PATH_INFO"] == "/v3/football/livescores/inplay"
    assert "participants%3Bscores%3Bstate%3Bevents%3Bperiods" in site.requests[0]["QUERY_STRING"]


def test_the_token_travels_in_the_header_only(site, feed):
    feed.inplay()

    assert site.requests[0]["HTTP_AUTHORIZATION"] == "secret-token"
    assert "secret" not in site.requests[0]["QUERY_STRING"]


def test_an_answer_that_found_nothing_is_a_good_answer(feed):
    assert feed.inplay() == ()
    assert feed.fixtures([1, 2]) == ()
    assert listed(feed, START_MS, START_MS) == ()


def test_one_untrustworthy_fixture_does_not_hide_the_others(site, feed):
    site.reply(found(a_fixture(id="x"), a_fixture()))

    assert [match.fixture for match in feed.inplay()] == [19135001]
    assert feed.status() == {"unreadable": 1}


def test_the_listing_follows_the_pages_and_keeps_to_spans_of_a_hundred_days(site, feed):
    more = {"pagination": {"has_more": True}}
    site.reply(found(a_fixture(id=1), **more), found(a_fixture(id=2)), found(a_fixture(id=3)))

    matches = listed(feed, START_MS, START_MS + 120 * DAY_MS)

    paths = [request["PATH_INFO"].rpartition("/between/")[2] for request in site.requests]
    assert [match.fixture for match in matches] == [1, 2, 3]
    assert paths == ["2026-10-24/2027-01-31"] * 2 + ["2027-02-01/2027-02-21"]


def test_a_page_that_failed_is_asked_for_again_and_no_other(site, feed):
    more = {"pagination": {"has_more": True}}
    site.reply(found(a_fixture(id=1), **more), ("502 Bad Gateway", b""), found(a_fixture(id=2)))
    pages = feed.list_fixtures(START_MS, START_MS)
    pages.read()

    with pytest.raises(FeedUnavailable):
        pages.read()

    assert [match.fixture for match in pages.read()] == [2]
    asked = [request["QUERY_STRING"].rpartition("page=")[2] for request in site.requests]
    assert (asked, pages.more) == (["1", "2", "2"], False)


def test_a_page_shows_each_match_once(site, feed):
    site.reply(found(a_fixture(), a_fixture()))

    assert len(feed.list_fixtures(START_MS, START_MS).read()) == 1


def test_many_fixtures_by_id_take_several_calls(site, feed):
    feed.fixtures(range(1, 52))

    paths = [request["PATH_INFO"].rpartition("/")[2] for request in site.requests]
    assert [len(path.split(",")) for path in paths] == [50, 1]


def test_leagues_narrow_every_call(site):
    feed = Sportmonks(site.url, "t", leagues=(8, 501))

    feed.inplay()

    assert "filters=fixtureLeagues%3A8%2C501" in site.requests[0]["QUERY_STRING"]


@pytest.mark.parametrize(
    "reply",
    [
        ("500 Internal Server Error", b"oops"),
        ("401 Unauthorized", b'{"message":"Unauthenticated."}'),
        ("404 Not Found", b'{"message":"gone"}'),
        ("302 Found", b""),
        ("200 OK", b""),
        ("200 OK", b"<html>busy</html>"),
        ("200 OK", b'{"data":[{"id":1}'),
        ("200 OK", b'{"data":{"id":1}}'),
        ("200 OK", b"{}"),
        ("200 OK", b"[]"),
        ("200 OK", b'{"data":[],"rate_limit":{"remaining":"many"}}'),
    ],
    ids=lambda reply: f"{reply[0][:3]} {reply[1][:20]!r}",
)
def test_anything_else_means_that_the_feed_is_unavailable(site, feed, reply):
    site.reply(reply)

    with pytest.raises(FeedUnavailable):
        feed.inplay()


@pytest.mark.parametrize(
    ("body", "resets_in_s"),
    [
        (b'{"message":"limit","rate_limit":{"remaining":0,"resets_in_seconds":1874}}', 1874),
        (b'{"message":"limit"}', 60),
        (b"<html>slow down</html>", 60),
    ],
)
def test_a_spent_plan_says_when_it_is_renewed(site, feed, body, resets_in_s):
    site.reply(("429 Too Many Requests", body))

    with pytest.raises(RateLimited) as refused:
        feed.inplay()

    assert refused.value.resets_in_s == resets_in_s


def test_the_calls_left_are_remembered(site, feed):
    site.reply(found(rate_limit={"remaining": 1411, "resets_in_seconds": 1874}))

    feed.inplay()

    assert feed.status() == {"unreadable": 0, "remaining": 1411, "resets_in_s": 1874}


def test_a_feed_that_is_not_there_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        feed = Sportmonks(f"http://127.0.0.1:{taken.getsockname()[1]}", "t")

        with pytest.raises(FeedUnavailable):
            feed.inplay()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["short body", "half a head", "no HTTP"],
)
def test_an_answer_cut_off_is_no_answer(answer):
    with (
        RawServer(lambda connection: connection.sendall(answer)) as url,
        pytest.raises(FeedUnavailable),
    ):
        Sportmonks(url, "t").inplay()


def test_a_feed_that_trickles_is_given_up_on():
    def trickle(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            gevent.sleep(0.01)

    with RawServer(trickle) as url, pytest.raises(FeedUnavailable, match="no answer in"):
        Sportmonks(url, "t", total_s=0.2).inplay()


def test_after_a_failure_the_next_call_is_served_again(site, feed):
    site.reply(("200 OK", b'{"data":['), found(a_fixture()))

    with pytest.raises(FeedUnavailable):
        feed.inplay()

    assert len(feed.inplay()) == 1


class RawServer:
    """A TCP server that reads a request, lets *answer* write to the connection, and closes it."""

    def __init__(self, answer):
        self._answer = answer

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._greenlet = gevent.spawn(self._serve)
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_):
        self._greenlet.kill()
        self._listener.close()

    def _serve(self):
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            self._answer(connection)
