"""Bots on the market of the pure rules: what they decide is carried out at once, or refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from touchline.domain.bot_rules import TRAIL, TRAIL_MS
from touchline.domain.bot_steps import decisions
from touchline.domain.bot_views import (
    Account,
    Closing,
    Decision,
    Match,
    Opening,
    Scene,
    Shares,
    Stake,
)
from touchline.domain.bots import ROSTER, STEP_MS, Bot
from touchline.domain.cfd import Changed
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.positions import Direction, Stops
from touchline.domain.refusals import Refused
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Execution, Side

from tests.fakes.bourse import Bourse, order_of, share_order
from tests.fakes.exchange import ARS, EVE

KICK_OFF_MS = 1_790_000_000_000
BOTS = {bot: UserId(number) for number, bot in enumerate(ROSTER, start=101)}
PERSON = UserId(7)
MATCH = 19


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a decision."""

    decision: Decision
    done: Execution | Changed | Refused


class BotFloor:
    """ARS and EVE, which play each other, all bots, and somebody with a lot of money."""

    def __init__(self, seed: int = 7) -> None:
        self.bourse, self.seed, self.now_ms = Bourse(), seed, KICK_OFF_MS
        self.minute, self.on = 0, True
        self.reduces: set[Bot] = set()
        self.waits: set[tuple[Bot, InstrumentIdx]] = set()
        for user in BOTS.values():
            self.bourse.fund(user)
        self.bourse.fund(PERSON, 10_000_000_000)
        self.play(Phase.LIVE)

    def play(self, phase: Phase, halt: Halt = OPEN) -> None:
        """Both clubs are in *phase*, under *halt*."""
        self.on = phase in (Phase.LIVE, Phase.BREAK)
        for idx in (ARS, EVE):
            change = IndexChange(idx=idx, now_ms=self.now_ms, phase=phase, halt=halt)
            self.bourse.feed(change)

    def feed(self, offset_bps: int) -> None:
        """The match moves the clubs, one by as much as the other the other way."""
        for idx, sign in ((ARS, 1), (EVE, -1)):
            change = IndexChange(
                idx=idx, now_ms=self.now_ms, offset_bps=sign * offset_bps, heartbeat=True
            )
            self.bourse.feed(change)

    def person(self, qty: int, idx: InstrumentIdx = ARS) -> None:
        """Somebody buys *qty*, or sells if it is negative; as much of it as they may."""
        side, left = (Side.BUY, qty) if qty > 0 else (Side.SELL, -qty)
        while left > 0:
            part = min(left, self.bourse.instruments[idx].order_limit)
            if isinstance(self.bourse.trade(share_order(PERSON, side, part, idx), 5), Refused):
                return
            left -= part

    def sold(self, inventory: int, idx: InstrumentIdx = ARS) -> None:
        """Others have bought and gone short until the house has sold so much net."""
        users = iter(range(1_000, 2_000))
        while missing := inventory - self.bourse.instruments[idx].inventory:
            user = UserId(next(users))
            self.bourse.fund(user, 1_000_000_000)
            way = Direction.LONG if missing > 0 else Direction.SHORT
            qty = min(abs(missing), self.bourse.instruments[idx].order_limit)
            order = order_of(
                f"other-{user}-{len(self.bourse.positions)}", user, way, qty, 1, idx=idx
            )
            assert isinstance(self.bourse.open(order, self.now_ms), Changed)

    def leave(self) -> None:
        """Everybody sells and closes all they have."""
        self.play(Phase.LIVE)
        self.bourse.scan_all(self.now_ms)
        for (user, idx), holding in list(self.bourse.holdings.items()):
            left = holding.qty
            while left:
                part = min(left, self.bourse.instruments[idx].order_limit)
                done = self.bourse.trade(share_order(user, Side.SELL, part, idx), self.now_ms)
                assert isinstance(done, Execution)
                left -= part
        for position in self.bourse.open_positions():
            self.bourse.close(position.id, position.qty, self.now_ms)
        assert self.bourse.open_positions() == []

    def scene(self, everywhere: bool = False) -> Scene:
        """What there is to see now."""
        return Scene(
            seed=self.seed,
            now_ms=self.now_ms,
            everywhere=everywhere,
            instruments=tuple(self.bourse.instruments.values()),
            matches=(Match(MATCH, ARS, EVE, self.minute),) if self.on else (),
            accounts=tuple(self._account(*each) for each in BOTS.items()),
            trails={idx: self._trail(idx) for idx in (ARS, EVE)},
        )

    def step(self, everywhere: bool = False) -> list[Outcome]:
        """Bots do what they decide, one step of the calendar later."""
        self.now_ms += STEP_MS
        self.bourse.scan_all(self.now_ms)
        return [
            Outcome(each, self.carry_out(each)) for each in list(decisions(self.scene(everywhere)))
        ]

    def steps(self, count: int) -> list[Outcome]:
        """So many steps in which nothing else happens."""
        return [outcome for _ in range(count) for outcome in self.step()]

    def net(self, bot: Bot, idx: InstrumentIdx) -> int:
        """What *bot* has of a club, held and long less short."""
        return self._stake(bot, idx).net

    def _account(self, bot: Bot, user: UserId) -> Account:
        stakes = {idx: self._stake(bot, idx) for idx in (ARS, EVE)}
        free_e4 = self.bourse.wallets[user].free_e4
        return Account(bot, user, free_e4, stakes, bot in self.reduces)

    def _stake(self, bot: Bot, idx: InstrumentIdx) -> Stake:
        user = BOTS[bot]
        positions = tuple(p for p in self.bourse.open_positions(user) if p.idx == idx)
        held = self.bourse.holdings[user, idx].qty
        return Stake(held, positions, (bot, idx) in self.waits)

    def _trail(self, idx: InstrumentIdx) -> tuple[int, ...]:
        since_ms = self.now_ms - TRAIL_MS
        fed = [
            tick.index_px
            for tick in self.bourse.ticks[idx]
            if tick.why == "feed" and int(tick.id.partition("-")[0]) >= since_ms
        ]
        return tuple(fed[-TRAIL:])

    def carry_out(self, wanted: Decision) -> Execution | Changed | Refused:
        """What becomes of *wanted* now."""
        bourse, user, idx = self.bourse, wanted.user, wanted.idx
        match wanted.deal:
            case Shares(side, qty):
                return bourse.trade(share_order(user, side, qty, idx), self.now_ms)
            case Opening(way, qty, leverage, stop_px):
                name = f"p-{len(bourse.positions)}"
                order = order_of(name, user, way, qty, leverage, Stops(stop_px), idx)
                return bourse.open(order, self.now_ms)
            case Closing(position_id):
                for _ in bourse.scan(position_id, self.now_ms):
                    pass
                left = bourse.positions[position_id].qty
                return bourse.close(position_id, left, self.now_ms)


def refusals(outcomes: Iterable[Outcome]) -> list[str]:
    """The codes of what was refused."""
    return [each.done.code.value for each in outcomes if isinstance(each.done, Refused)]
