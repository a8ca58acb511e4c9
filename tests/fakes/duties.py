"""What processes of the exchange do, step by step, each as its actor does it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from touchline.domain.ids import TREASURY
from touchline.domain.position_events import By
from touchline.domain.refusals import Refused
from touchline.domain.scanning import Cursor
from touchline.store.commands import AcceptOrder, CreditCommand, Delayed, Made
from touchline.store.drain import Drain
from touchline.store.entries import Entry
from touchline.store.fact_drain import FactDrain
from touchline.store.fact_writer import FactWriter
from touchline.store.hot import Hot
from touchline.store.keys import OutboxName
from touchline.store.ledger import Ledger
from touchline.store.life import Superseded, life_of
from touchline.store.order_kinds import order_from
from touchline.store.orders import Orders
from touchline.store.outbox import open_outboxes
from touchline.store.outbox_drain import OutboxDrain
from touchline.store.parked import Parked
from touchline.store.positions import Positions
from touchline.store.release import Release
from touchline.store.scanner import Scanner
from touchline.store.sequence import FactSequence, Stretch
from touchline.store.states import States
from touchline.store.sweeping import Sweeping
from touchline.store.watch import Due, Look, Passed, Watch

from tests.fakes.stepping import Steps
from tests.fakes.timeline import Place

if TYPE_CHECKING:
    from tests.fakes.survival import Survival

NEVER_S = 3600.0  #: who stands still is not to be told that it took long
WATCHER = "stop-watcher"


class Replica:
    """One api-server: what it has made, each with its place in the story, and its writer."""

    def __init__(self, exchange: Survival) -> None:
        self.steps = Steps()
        self.made: list[tuple[Made, Place]] = []
        self._exchange = exchange
        self._scripts = exchange.scripts(self.steps)
        self._sequence = self.steps.guard(FactSequence(exchange.client, exchange.keys))
        self._ledger = self.steps.guard(Ledger(exchange.books.pg))
        self._writer = FactWriter(self._sequence, self._ledger, NEVER_S)

    def carry_out(self, command: Any) -> None:
        """What `trade-executor` does with a command, and whoever pays with a credit."""
        if isinstance(command, CreditCommand):
            self._scripts.wallet_credit(command)
            return
        [outcome] = self._scripts.execute([command])
        if isinstance(outcome, Delayed):
            [outcome] = self._scripts.execute([AcceptOrder(order_from(command, outcome))])
        if isinstance(outcome, Made):
            self.made.append((outcome, self._exchange.timeline.moments[-1].place))

    def write(self) -> None:
        """What `trade-writer` does with what waits for it."""
        made, self.made = self.made, []
        if not made:
            return
        entries: dict[OutboxName, list[Entry]] = {}
        for each, _ in made:
            entries.setdefault(each.outbox, []).append(Entry(each.entry_id, each.entry))
        places = {(each.outbox, each.entry_id): place for each, place in made}
        lives = [life_of(int(each.entry["turn"])) for each, _ in made]
        stretch = Stretch(entries, min(lives))
        try:
            written = self._writer.write(stretch)
        except Superseded:
            known = self._ledger.known(stretch.facts)
            self._promise(place for name, place in places.items() if name in known)
            return
        if written is not None:
            self._promise(places.values())
            self._sequence.delete(written.ids, written.life)

    def _promise(self, places: Iterable[Place]) -> None:
        for place in places:
            self._exchange.timeline.promise(place)


def drain(exchange: Survival, steps: Steps) -> Drain:
    """The way to Postgres of a process that *steps* may kill or freeze."""
    pg = exchange.books.pg
    sequence = steps.guard(FactSequence(exchange.client, exchange.keys))
    facts = FactDrain(sequence, steps.guard(Ledger(pg)))
    outboxes = {
        name: OutboxDrain(name, outbox, facts, Parked(pg, name))
        for name, outbox in open_outboxes(exchange.client, exchange.keys).items()
    }
    states = States(exchange.client, exchange.keys, exchange.books.scripts)
    return Drain(facts, outboxes, steps.guard(states, held=("write",)), pg)


def release(exchange: Survival, steps: Steps) -> None:
    """One run of `order-releaser`."""
    client, scripts = steps.client(exchange.client), exchange.scripts(steps)
    orders = Orders(client, exchange.keys, exchange.books.pg)
    scanner = exchange.scanner(steps)
    hot = Hot(client, exchange.keys)
    Release(orders, hot, scripts, scanner).run(exchange.now_ms(), lambda: True)


def watch(exchange: Survival, steps: Steps, owner: str) -> None:
    """Clubs looked at by the `stop-watcher` that has just got the lease, until it is level."""
    client = steps.client(exchange.client)
    watch, scanner = Watch(client, exchange.keys), exchange.scanner(steps)
    client.set(exchange.keys.lease(WATCHER), owner)
    dealt_with: dict[int, Cursor | None] = dict.fromkeys(watch.newest())
    while dealt_with:
        looks = watch.look(dealt_with, owner, 1)
        dealt_with = {}
        for idx, look in looks.items():
            if isinstance(look, Passed) and look.more:
                dealt_with[idx] = None
            if isinstance(look, Due) and _dealt_with(scanner, idx, look, owner):
                dealt_with[idx] = look.upto
            if _fenced(look):
                return


def sweep(exchange: Survival, steps: Steps) -> None:
    """One sweep of the `margin-backstop-sweeper`, over a single page."""
    client, pg = steps.client(exchange.client), steps.guard(exchange.books.pg)
    books = Positions(pg, client, exchange.keys)
    page = books.open_by_user(TREASURY, 100)
    found = [key for _, keys in page for key in keys]
    if not found:
        return
    compared = Sweeping(client, exchange.keys).compare([key.id for key in found])
    assert not compared.missing, "a position that is open in Postgres is not in Redis"
    by_club = {key.idx: [each.id for each in found if each.idx == key.idx] for key in found}
    exchange.scanner(steps).scan(by_club, By.BACKSTOP_SWEEPER)


def _dealt_with(scanner: Scanner, idx: int, due: Due, owner: str) -> bool:
    scan = scanner.begin({idx: due.positions}, By.STOP_WATCHER, lease_owner=owner)
    while scan.step():
        pass
    return not (scan.fenced or scan.left)


def _fenced(look: Look) -> bool:
    return isinstance(look, Refused)
