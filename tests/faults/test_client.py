"""The client of the live stream, while what it is connected to dies, freezes and stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
import pytest
from touchline.client import Changed, Connected, Event, HttpTickets, Missed, Shown, Stream

from .exchange import Exchange
from .person import Person
from .process import Service

CLUB = 1
AWAY_S = 1.0


@contextmanager
def streaming(person: Person, *channels: str) -> Iterator[list[Event]]:
    """What *person* hears, which goes on to grow."""
    heard: list[Event] = []
    with Stream(HttpTickets(person.api, lambda: person.access_token)) as stream:
        stream.follow(*channels)
        listening = gevent.spawn(_note, stream, heard)
        try:
            yield heard
        finally:
            stream.close()
            listening.get(timeout=30.0)


def _note(stream: Stream, heard: list[Event]) -> None:
    for event in stream:
        heard.append(event)


def fills(heard: list[Event]) -> list[str]:
    return [e.data["order_id"] for e in heard if isinstance(e, Changed) and e.event == "fill"]


def die(service: Service) -> None:
    service.die()
    gevent.sleep(AWAY_S)
    service.start_again()


def stop(service: Service) -> None:
    assert service.stop() == 0
    gevent.sleep(AWAY_S)
    service.start_again()


@pytest.mark.parametrize("end", [die, stop])
def test_every_fill_is_heard_once_in_order_though_the_ws_server_ends_in_between(
    exchange: Exchange, end: Callable[[Service], None]
) -> None:
    person = Person(f"hears-{end.__name__}", exchange.clients[0].api)
    with streaming(person, "portfolio", "price:*") as heard:
        exchange.wait(lambda: any(isinstance(e, Shown) and e.channel == "portfolio" for e in heard))
        bought = [person.buys(CLUB) for _ in range(3)]
        ending = gevent.spawn(end, exchange.services["ws-server"])
        while not ending.ready():
            bought.append(person.buys(CLUB))
            gevent.sleep(0.2)
        exchange.wait(lambda: sum(isinstance(e, Connected) for e in heard) > 1)
        bought.append(person.buys(CLUB))
        exchange.wait(lambda: fills(heard)[-1:] == bought[-1:])

    assert fills(heard) == bought
    assert [e for e in heard if isinstance(e, Missed)] == []
    shown = [e for e in heard if isinstance(e, Shown) and e.channel == "portfolio"]
    assert len(shown) == 1  # the second connection was told what had happened, and no more
