"""What an exchange should hold, in plain numbers: every moment of its story, and how far it goes.

No price is worked out here; what was paid is taken from the answer of the exchange. What follows
from it is: balances, holdings, positions, and what is left of all that after a loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from touchline.domain.ids import TREASURY
from touchline.domain.orders import DelayedOrder, OrderStatus
from touchline.domain.position_events import PositionEvent
from touchline.domain.positions import Direction, Position
from touchline.domain.trading import Fill, Side

Place = tuple[int, int]
"""A version of the treasury, and how many records of orders came behind the fact that left it."""


@dataclass(frozen=True, slots=True)
class Stake:
    """A position by what it weighs: *qty* is negative if it is short."""

    user: int
    idx: int
    qty: int
    margin_e4: int
    position: Position  #: as its last event left it


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that waits, or has waited; *carried_out* before its record says so."""

    order: DelayedOrder
    carried_out: bool = False

    @property
    def aside(self) -> tuple[int, int]:
        """The money and the positions that it has set aside."""
        if self.carried_out or self.order.status is not OrderStatus.PENDING:
            return 0, 0
        return self.order.reserved_e4, self.order.reserved_positions


@dataclass(frozen=True, slots=True)
class World:
    """Everything at one moment: cash and locked by user, shares by user and club, and the rest."""

    wallets: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    holdings: Mapping[tuple[int, int], int] = field(default_factory=dict)
    positions: Mapping[str, Stake] = field(default_factory=dict)
    orders: Mapping[str, Waiting] = field(default_factory=dict)

    def paid(self, user: int, cash_e4: int, locked_e4: int = 0) -> World:
        """The treasury has paid *cash_e4* and *locked_e4* to *user*."""
        wallets = dict(self.wallets)
        for who, cash, locked in (
            (user, cash_e4, locked_e4),
            (TREASURY, -cash_e4 - locked_e4, 0),
        ):
            had_cash, had_locked = wallets.get(who, (0, 0))
            wallets[who] = had_cash + cash, had_locked + locked
        return replace(self, wallets=wallets)

    def traded(self, fill: Fill) -> World:
        """After a trade."""
        sign = 1 if fill.side is Side.BUY else -1
        place = fill.user, fill.idx
        held = self.holdings.get(place, 0) + sign * fill.qty
        after = replace(self, holdings={**self.holdings, place: held})
        return after.paid(fill.user, -sign * fill.value_e4 - fill.fee_e4)

    def moved(self, event: PositionEvent) -> World:
        """After an event of a position, which must have left it as the events before it say."""
        position = event.position
        sign = 1 if position.side is Direction.LONG else -1
        turn = {"open": sign, "close": -sign, "change": 0}[event.kind]
        new = Stake(position.user, position.idx, 0, 0, position)
        before = self.positions.get(position.id, new)
        stake = replace(
            before,
            qty=before.qty + turn * event.qty,
            margin_e4=before.margin_e4 + event.margin_e4,
            position=position,
        )
        after = replace(self, positions={**self.positions, position.id: stake})
        cash_e4 = event.pnl_e4 - event.fee_e4 - event.margin_e4
        return after.paid(position.user, cash_e4, event.margin_e4)

    def filed(self, order: DelayedOrder) -> World:
        """After *order* has begun to wait."""
        return replace(self, orders={**self.orders, order.order_id: Waiting(order)})

    def carried_out(self, order_id: str) -> World:
        """Once an order that waits is what it was to become."""
        waiting = self.orders.get(order_id)
        assert waiting, "an order that was taken back is carried out"
        assert waiting.order.status is OrderStatus.PENDING
        assert not waiting.carried_out, "an order is carried out twice"
        orders = {**self.orders, order_id: replace(waiting, carried_out=True)}
        return replace(self, orders=orders)

    def done(self, order_id: str, status: OrderStatus) -> World:
        """Once the record of an order that waits is closed."""
        waiting = self.orders.get(order_id)
        assert waiting, "the record of an order that was taken back is closed"
        assert waiting.order.status is OrderStatus.PENDING, "a record is closed twice"
        assert waiting.carried_out == (status is OrderStatus.FILLED), status
        closed = replace(waiting, order=replace(waiting.order, status=status))
        return replace(self, orders={**self.orders, order_id: closed})

    def aside(self, user: int) -> tuple[int, int]:
        """What waiting orders of *user* have set aside: money, and positions."""
        each = [one.aside for one in self.orders.values() if one.order.user == user]
        return sum(money for money, _ in each), sum(positions for _, positions in each)

    @property
    def waiting(self) -> set[str]:
        """Orders whose record is not closed."""
        pending = OrderStatus.PENDING
        return {name for name, each in self.orders.items() if each.order.status is pending}

    def inventory(self, idx: int) -> int:
        """What the club's traders hold together."""
        held = sum(qty for (_, club), qty in self.holdings.items() if club == idx)
        return held + sum(stake.qty for stake in self.positions.values() if stake.idx == idx)

    @property
    def stakes(self) -> Mapping[str, Stake]:
        """Positions that are open."""
        return {name: stake for name, stake in self.positions.items() if stake.qty}

    @property
    def rows(self) -> Mapping[tuple[str, str], tuple[int, int]]:
        """Its states by table and name, each by what a row of it tells."""
        rows: dict[tuple[str, str], tuple[int, int]] = {}
        rows |= {("wallet", str(user)): told for user, told in self.wallets.items()}
        rows |= {("holding", f"{u}:{idx}"): (qty, 0) for (u, idx), qty in self.holdings.items()}
        rows |= {
            ("position", name): (abs(stake.qty), stake.margin_e4)
            for name, stake in self.positions.items()
        }
        codes = {status: code for code, status in enumerate(OrderStatus)}
        rows |= {
            ("order", name): (codes[each.order.status], 0) for name, each in self.orders.items()
        }
        return rows


@dataclass(frozen=True, slots=True)
class Moment:
    """How everything was once a fact had been made, or the record of an order.

    Attributes:
        key: of the command that made it, and ``user`` who has the key.
        record: the order, and what its record says since then; None if a fact was made.
    """

    place: Place
    world: World
    key: str = ""
    user: int = 0
    record: tuple[str, OrderStatus] | None = None


class Timeline:
    """The story of an exchange, oldest moment first; a loss takes back its end.

    Attributes:
        held: place of the newest moment that Redis knows of.
        promised: that of the newest which somebody was told is in Postgres.
    """

    def __init__(self) -> None:
        self.moments = [Moment((0, 0), World())]
        self.held: Place = 0, 0
        self.promised: Place = 0, 0

    @property
    def world(self) -> World:
        """How everything is now."""
        return self.moments[-1].world

    @property
    def versions(self) -> Sequence[int]:
        """Of all facts, oldest first."""
        return [moment.place[0] for moment in self.moments[1:] if moment.record is None]

    @property
    def keys(self) -> Mapping[str, Moment]:
        """Moments by the keys of the commands that made them."""
        return {moment.key: moment for moment in self.moments if moment.key}

    def happened(self, version: int, world: World, user: int, key: str = "") -> None:
        """A fact of *user* was made, under a *key* if it has one."""
        self._goes_on(Moment((version, 0), world, key, user))

    def recorded(self, order_id: str, status: OrderStatus, world: World, key: str = "") -> None:
        """A record of an order was made; it moves nothing, and is behind the last fact."""
        version, records = self.moments[-1].place
        user, place = world.orders[order_id].order.user, (version, records + 1)
        self._goes_on(Moment(place, world, key, user, (order_id, status)))

    def promise(self, place: Place) -> None:
        """Somebody was told that what was made at *place* is in Postgres."""
        there = [moment.place for moment in self.moments]
        assert place in there, "what was taken back is in Postgres"
        self.promised = max(self.promised, place)

    def until(self, place: Place) -> list[Moment]:
        """The moments up to *place*."""
        return [moment for moment in self.moments if moment.place <= place]

    def rewind(self, place: Place) -> None:
        """What came after *place* has not happened."""
        assert place >= self.promised, "what was promised is lost"
        self.moments = self.until(place)
        self.held = self.moments[-1].place

    def _goes_on(self, moment: Moment) -> None:
        assert moment.place > self.moments[-1].place, "a version was given twice"
        self.moments.append(moment)
        self.held = moment.place
