"""An exchange whose links to the servers can fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchline.store.postgres import Postgres

from .exchange import Exchange, open_exchange
from .links import Links
from .person import Person
from .seen import Seen


class Linked:
    """A running exchange, and the links it runs over."""

    def __init__(self, exchange: Exchange, links: Links) -> None:
        self.exchange = exchange
        self.links = links
        self._put_off_before, self._answered_before = 0, 0

    @contextmanager
    def fault(self) -> Iterator[Seen]:
        """As `Exchange.fault`; all links are whole again at the end."""
        self._put_off_before, self._answered_before = self._put_off(), self._only_in_redis()
        with self.exchange.fault() as seen:
            try:
                yield seen
            finally:
                self.links.heal()

    def put_off(self) -> int:
        """Requests since the fault began that were told to come again."""
        return self._put_off() - self._put_off_before

    def only_in_redis(self) -> int:
        """Trades since the fault began of which Postgres did not know when they were answered."""
        return self._only_in_redis() - self._answered_before

    def trades_of(self, person: Person) -> list[str]:
        """Ids of what Postgres has of *person*, once it has everything."""
        self.exchange.wait_until_written()
        pg = Postgres(self.exchange.servers.settings["DATABASE_URL"], size=1)
        with pg.transaction() as cursor:
            cursor.execute("SELECT id::text FROM trades WHERE user_id = %s", (person.id,))
            found = [trade_id for (trade_id,) in cursor.fetchall()]
        pg.close()
        return found

    def _put_off(self) -> int:
        return sum(client.put_off for client in self.exchange.clients)

    def _only_in_redis(self) -> int:
        answers = [a for client in self.exchange.clients for a in client.filled.values()]
        return sum(answer["durable"] == "redis" for answer in answers)


@contextmanager
def open_linked(root: Path) -> Iterator[Linked]:
    """Start everything below *root* over links of its own; yield it when ready; stop it."""
    with Links() as links, open_exchange(root, links) as exchange:
        yield Linked(exchange, links)
