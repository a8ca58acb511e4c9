"""The whole market as the pure rules have it, with a scanner that reads every tick."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from touchline.domain.cfd import Changed
from touchline.domain.changing import remargined, restopped
from touchline.domain.closing import closed, triggered
from touchline.domain.ids import TREASURY, InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.opening import Exposure, OpenOrder, opened
from touchline.domain.portfolio import Holding, Wallet, credit
from touchline.domain.positions import (
    NO_STOPS,
    Direction,
    Position,
    Stops,
    breach,
    crosses,
    followed,
    levels,
)
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange, Tick, apply_index
from touchline.domain.trading import Execution, Order, Side, execute

from tests.fakes.exchange import ARS, EVE

#: A breach that cannot be paid out now: the position stays open, the tick is passed.
NOT_NOW = (Refusal.TAKE_PROFIT_NOT_REACHABLE, Refusal.INSUFFICIENT_MARGIN)


@dataclass(frozen=True, slots=True)
class Triggered:
    """A scan closed a position at a tick; *refused* if it could not."""

    position: Position
    tick: Tick
    outcome: Changed | Refused


@dataclass(frozen=True, slots=True)
class Followed:
    """A scan found that *tick* only moved a position."""

    before: Position
    after: Position
    tick: Tick


class Bourse:
    """ARS and EVE with standard limits, and whatever happens there."""

    def __init__(self) -> None:
        self.instruments: dict[InstrumentIdx, Instrument] = {
            ARS: new_instrument(ARS, "ARS", "Arsenal"),
            EVE: new_instrument(EVE, "EVE", "Everton"),
        }
        self.wallets: dict[UserId, Wallet] = defaultdict(Wallet)
        self.holdings: dict[tuple[UserId, InstrumentIdx], Holding] = defaultdict(Holding)
        self.positions: dict[str, Position] = {}
        self.ticks: dict[InstrumentIdx, list[Tick]] = {ARS: [], EVE: []}
        self.granted_e4 = 0

    def fund(self, user: UserId, amount_e4: int = 100_000_000) -> None:
        """Give *user* money of the house."""
        done = credit(self.wallets[user], self.wallets[TREASURY], amount_e4)
        assert not isinstance(done, Refused)
        self.wallets[user], self.wallets[TREASURY] = done
        self.granted_e4 += amount_e4

    @property
    def house_e4(self) -> int:
        """What the house has won so far, grants apart."""
        return self.wallets[TREASURY].cash_e4 + self.granted_e4

    def open_positions(self, user: UserId | None = None) -> list[Position]:
        """Open positions, of *user* or of all, oldest first."""
        positions = self.positions.values()
        return [each for each in positions if each.qty and user in (None, each.user)]

    def feed(self, change: IndexChange) -> None:
        """Take in what the feed says."""
        self._publish(apply_index(self.instruments[change.idx], change), "feed")

    def trade(self, order: Order, now_ms: int) -> Execution | Refused:
        """*order* carried out."""
        key = (order.user, order.idx)
        done = execute(
            order,
            self.instruments[order.idx],
            self.wallets[order.user],
            self.wallets[TREASURY],
            self.holdings[key],
            long_qty=self._exposure(*key).long_qty,
            now_ms=now_ms,
        )
        if isinstance(done, Execution):
            self._publish(done.instrument, "trade")
            self.wallets[order.user], self.wallets[TREASURY] = done.wallet, done.treasury
            self.holdings[key] = done.holding
        return done

    def open(self, order: OpenOrder, now_ms: int) -> Changed | Refused:
        """*order* carried out."""
        exposure = self._exposure(order.user, order.idx)
        club, wallet = self.instruments[order.idx], self.wallets[order.user]
        done = opened(order, club, wallet, self.wallets[TREASURY], exposure, now_ms=now_ms)
        return self._done(done, "cfd")

    def close(self, position_id: str, qty: int, now_ms: int) -> Changed | Refused:
        """*qty* of the position closed by its owner, if it is scanned."""
        position = self.positions[position_id]
        club, wallet = self.instruments[position.idx], self.wallets[position.user]
        house = self.wallets[TREASURY]
        return self._done(closed(position, club, wallet, house, qty=qty, now_ms=now_ms), "close")

    def restop(self, position_id: str, stops: Stops) -> Changed | Refused:
        """The position with other stops, if it is scanned."""
        position = self.positions[position_id]
        club, wallet = self.instruments[position.idx], self.wallets[position.user]
        return self._done(restopped(position, stops, club, wallet, self.wallets[TREASURY]))

    def remargin(self, position_id: str, amount_e4: int) -> Changed | Refused:
        """The position with more or less margin, if it is scanned."""
        position = self.positions[position_id]
        club, wallet = self.instruments[position.idx], self.wallets[position.user]
        return self._done(remargined(position, amount_e4, club, wallet, self.wallets[TREASURY]))

    def unscanned(self, position_id: str) -> bool:
        """Whether a tick since the last check concerns the position."""
        position = self.positions[position_id]
        at = levels(position)
        return any(crosses(position, at, tick) for tick in self._since(position))

    def scan(self, position_id: str, now_ms: int) -> Iterator[Triggered | Followed]:
        """Put every tick since the last check before the position; what came of it, as it comes."""
        for tick in self._since(self.positions[position_id]):
            position = self.positions[position_id]
            if breach(position, tick):
                done = self._trigger(position, tick, now_ms)
                yield Triggered(position, tick, done)
                if isinstance(done, Changed):
                    return
                assert done.code in NOT_NOW, done
            after = replace(followed(position, tick), version=position.version + 1)
            self.positions[position_id] = after
            yield Followed(position, after, tick)

    def scan_all(self, now_ms: int) -> None:
        """Scan until no position is closed any more."""
        before = None
        while before != (before := len(self.open_positions())):
            for position in self.open_positions():
                for _ in self.scan(position.id, now_ms):
                    pass

    def _trigger(self, position: Position, tick: Tick, now_ms: int) -> Changed | Refused:
        club, wallet = self.instruments[position.idx], self.wallets[position.user]
        house = self.wallets[TREASURY]
        return self._done(triggered(position, club, wallet, house, tick, now_ms=now_ms), "close")

    def _since(self, position: Position) -> list[Tick]:
        # Every tick is kept, and the first has seq 1.
        return self.ticks[position.idx][position.checked_seq :]

    def _exposure(self, user: UserId, idx: InstrumentIdx) -> Exposure:
        open_qty = {Direction.LONG: 0, Direction.SHORT: 0}
        for position in self.open_positions(user):
            if position.idx == idx:
                open_qty[position.side] += position.qty
        held_qty, positions = self.holdings[user, idx].qty, len(self.open_positions(user))
        return Exposure(held_qty, open_qty[Direction.LONG], open_qty[Direction.SHORT], positions)

    def _done(self, done: Changed | Refused, why: str = "") -> Changed | Refused:
        if isinstance(done, Changed):
            position = done.position
            self.positions[position.id] = position
            self.wallets[position.user], self.wallets[TREASURY] = done.wallet, done.treasury
            self._publish(done.instrument, why)
        return done

    def _publish(self, club: Instrument, why: str) -> None:
        if club.seq > self.instruments[club.idx].seq:
            quotes = (club.bid_px, club.ask_px, club.mark_px, club.mid_px)
            self.ticks[club.idx].append(
                Tick(
                    club.last_tick_id,
                    club.seq,
                    club.index_px,
                    club.inventory,
                    *quotes,
                    why,
                    club.halt,
                )
            )
        self.instruments[club.idx] = club


def order_of(
    position_id: str,
    user: UserId,
    side: Direction,
    qty: int,
    leverage: int = 5,
    stops: Stops = NO_STOPS,
    idx: InstrumentIdx = ARS,
) -> OpenOrder:
    """An order for a position."""
    return OpenOrder(
        position_id=position_id,
        user=user,
        idx=idx,
        side=side,
        qty=qty,
        leverage=leverage,
        stops=stops,
    )


def share_order(user: UserId, side: Side, qty: int, idx: InstrumentIdx = ARS) -> Order:
    """An order for shares."""
    return Order(user, idx, side, qty)
