"""What Redis publishes that clients are to see, as typed values.

Pub/sub is lossy by nature: whoever reads it re-reads the state itself when a
connection was lost, and from time to time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

from ..domain.ids import UserId
from ..domain.pushes import PortfolioEvent
from ..domain.ticks import PriceTick
from .fixture_news import ToldFixture, decode_fixture
from .gate import Rehydrating
from .keys import (
    FIXTURE_CHANNELS,
    LEADERBOARD_CHANNELS,
    PRICE_CHANNELS,
    PUT_BACK,
    portfolio_channel,
)
from .leaderboard_news import ToldBoard, decode_board
from .wire import decode_portfolio, decode_price

#: Silence after which Redis is pinged, and after which a missing pong means
#: that the link is dead: a host that vanished sends no end of stream.
SILENCE_S = 5.0
#: On a user's channel: there is a replay to be shown, for whoever can show it to take. It has no
#: number, for it is no push; and is one of a kind that nobody knows for whoever reads it as such.
REPLAY_WAITS = '{"s":0,"e":"replay_waits","d":null}'


@dataclass(frozen=True, slots=True)
class PricePublished:
    """`price:{idx}`: one instrument's newest tick."""

    tick: PriceTick


@dataclass(frozen=True, slots=True)
class PortfolioPublished:
    """`portfolio:{uid}`: something happened to a user's portfolio."""

    user: UserId
    event: PortfolioEvent


@dataclass(frozen=True, slots=True)
class FixturePublished:
    """`fixture:{id}`: how a fixture stands now."""

    told: ToldFixture


@dataclass(frozen=True, slots=True)
class BoardPublished:
    """`leaderboard:{name}`: how a leaderboard stands now."""

    told: ToldBoard


@dataclass(frozen=True, slots=True)
class FollowStarted:
    """From here on nothing published for *user* is missed."""

    user: UserId


@dataclass(frozen=True, slots=True)
class ReplayWaits:
    """A replay waits for *user* to be told."""

    user: UserId


Published = (
    PricePublished
    | FixturePublished
    | BoardPublished
    | PortfolioPublished
    | ReplayWaits
    | FollowStarted
)


class Broadcasts:
    """One subscription to all prices, fixtures and leaderboards, and to some users' portfolios.

    Has a connection of its own from `open` to `close`. One greenlet reads;
    others may follow and unfollow meanwhile. After an error it is useless:
    close it and open a new one.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._pubsub: Any = None  # redis-py leaves PubSub's methods untyped

    def open(self) -> None:
        """Subscribe to all that is for everybody. Raises an outage of Redis."""
        self._pubsub = self._redis.pubsub()  # type: ignore[no-untyped-call]  # redis-py
        # As a pattern, so that only users' channels are confirmed as subscriptions.
        self._pubsub.psubscribe(PRICE_CHANNELS, FIXTURE_CHANNELS, LEADERBOARD_CHANNELS, PUT_BACK)

    def follow(self, *users: UserId) -> None:
        """Subscribe to *users*' portfolios; `FollowStarted` tells when that is in force."""
        if users:
            self._pubsub.subscribe(*(portfolio_channel(user) for user in users))

    def unfollow(self, user: UserId) -> None:
        """End the subscription to *user*'s portfolio."""
        self._pubsub.unsubscribe(portfolio_channel(user))

    def close(self) -> None:
        """Give the connection back; also after an error, also if never opened."""
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None

    def messages(self) -> Iterator[Published]:
        """Yield what is published, for ever; all of it in one life of Redis.

        Raises:
            an outage of Redis, also when it has been silent for too long, or begins another life.
        """
        for message in heard(self._pubsub):
            yield from _published(message)


def heard(pubsub: Any) -> Iterator[dict[str, str]]:
    """Every message of a subscription, for ever.

    Raises:
        an outage of Redis, also when it has been silent for too long.
    """
    pinged = False
    # What get_message does around this, retries and pings of its own, is not wanted here, and is
    # half of what a message costs.
    connection = pubsub.connection
    while True:
        if connection.can_read(timeout=SILENCE_S):
            pinged = False
            reply = connection.read_response(disconnect_on_error=False, push_request=True)
            message = pubsub.handle_message(reply)
            if message is not None:
                yield message
        elif pinged:
            raise redis.exceptions.ConnectionError("Redis does not answer on the pub/sub link")
        else:
            pinged = True
            pubsub.ping()


def _published(message: dict[str, str]) -> Iterator[Published]:
    match message:
        case {"type": "pmessage", "pattern": pattern, "channel": channel, "data": data}:
            yield from _heard_by_all(pattern, channel, data)
        case {"type": "message", "channel": channel, "data": data} if data == REPLAY_WAITS:
            yield ReplayWaits(_user(channel))
        case {"type": "message", "channel": channel, "data": data}:
            event = decode_portfolio(data)
            # None: a newer replica published what this one does not know. The
            # client sees the gap in the numbers at the next event.
            if event is not None:
                yield PortfolioPublished(_user(channel), event)
        case {"type": "subscribe", "channel": channel}:
            yield FollowStarted(_user(channel))


def _heard_by_all(pattern: str, channel: str, data: str) -> Iterator[Published]:
    if pattern == PRICE_CHANNELS:
        yield PricePublished(decode_price(data))
    elif pattern == PUT_BACK:
        raise Rehydrating("Redis is being put back")
    # What cannot be read is left out, as above; it shows once a newer replica reads it itself.
    elif pattern == FIXTURE_CHANNELS:
        fixture = decode_fixture(data)
        if fixture is not None:
            yield FixturePublished(fixture)
    else:
        board = decode_board(channel.removeprefix(LEADERBOARD_CHANNELS[:-1]), data)
        if board is not None:
            yield BoardPublished(board)


def _user(channel: str) -> UserId:
    return UserId(int(channel.removeprefix(portfolio_channel(UserId(0))[:-1])))
