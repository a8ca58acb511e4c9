"""The trade-executor without its actors: each order is carried out while it is told."""

from __future__ import annotations

from collections.abc import Callable

from touchline.actors.address import Address
from touchline.actors.mailbox import Mailbox
from touchline.actors.trading.messages import Execute, Executed, Unavailable
from touchline.store.commands import AcceptOrder, Command, Delayed, Made
from touchline.store.entries import Entry
from touchline.store.ledger import Ledger
from touchline.store.order_kinds import order_from
from touchline.store.scripts import Scripts


class DirectExecutor(Address[Execute]):
    """Answers as the real one does: by the script, then the ledger."""

    __slots__ = (
        "_ledger",
        "_scripts",
        "before",
        "breaks_off",
        "commands",
        "down",
        "full",
        "ledger_down",
    )

    def __init__(self, scripts: Scripts, ledger: Ledger) -> None:
        super().__init__("trade-executor", Mailbox())
        self._scripts = scripts
        self._ledger = ledger
        self.commands: list[Command] = []
        self.before: Callable[[], None] | None = None  #: called before each order
        self.breaks_off = False  #: carries orders out, and does not hear that it did
        self.down = False
        self.full = False
        self.ledger_down = False

    def tell(self, message: Execute) -> bool:
        self.commands.append(message.command)
        if self.full:
            return False
        if self.down:
            message.reply.set(Unavailable("Redis cannot be reached"))
            return True
        if self.before is not None:
            self.before()
        [outcome] = self._scripts.execute([message.command])
        if isinstance(outcome, Delayed):
            [outcome] = self._scripts.execute([AcceptOrder(order_from(message.command, outcome))])
        if self.breaks_off:
            message.reply.set(Unavailable("the order may or may not have been executed"))
            return True
        durable = None
        if isinstance(outcome, Made):
            durable = "redis" if self.ledger_down else "postgres"
        if isinstance(outcome, Made) and not self.ledger_down:
            self._ledger.insert_facts([Entry(outcome.entry_id, outcome.entry)], 0)
        message.reply.set(Executed(outcome, durable))
        return True
