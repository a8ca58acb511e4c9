"""What each kind of bot does with one club in one step.

Quantities in 1e-3 share, prices and money in 1e-4 coin. Source: docs/market.md, "Bots".
"""

from typing import assert_never

from .bot_views import Closing, Deal, Opening, Play, Shares, Sight
from .bots import STEP_MS, Bot, BotKind
from .cfd import SPREADS_MIN, closing_px, entry_side
from .dice import Dice
from .halts import stops_closing, stops_opening
from .instrument import Instrument
from .margin import initial_margin
from .opening import highest_leverage
from .portfolio import POSITIONS_MAX, aside_e4
from .positions import Direction
from .pricing import PPM, ceil_div
from .trading import Side, price_of

MEAN_PARTS = 4  #: a quarter of what the price is off by, at once
NOISE_MS = 20_000  #: calendar ms between two orders of a noise bot, on average
NOISE_PARTS = 1_000  #: its largest order is such a part of the depth
NOISE_SIZES = 50  #: it is divided by 1 to so many, each as likely: large ones are rare
TRAIL = 6  #: ticks of the feed, between which there are the five moves that momentum goes by
TRAIL_MS = 900_000  #: calendar ms; what moved longer ago, in a match that is over, is no momentum
MOVE_PPM = 5_000  #: 50 bps: what they have to come to; football moves a price a little all the time
HOLD_MS = 90_000  #: calendar ms for which momentum holds a position
MOMENTUM_PARTS = 4  #: its position is such a part of what it may have
STOP_PARTS = 100  #: its stop-loss is 1 % away
LEVERAGE = 5  #: at most, where less is allowed
TICK_PX = 100  #: 0.01, on which prices that users enter lie
#: Positions a kind may have open in one club. The exchange allows POSITIONS_MAX in all.
POSITIONS = {BotKind.MEAN_REVERT: 4, BotKind.NOISE: 1, BotKind.MOMENTUM: 1}


def deal(bot: Bot, sight: Sight, dice: Dice) -> Deal | None:
    """What *bot* does with the club it sees, if anything."""
    if sight.stake.waits:
        return None  # what it will have is not known: it could go beyond its limit
    wanted = _wanted(bot, sight, dice)
    return wanted if wanted and _may(wanted, sight) else None


def _wanted(bot: Bot, sight: Sight, dice: Dice) -> Deal | None:
    match bot.kind:
        case BotKind.MEAN_REVERT:
            return _revert(bot, sight)
        case BotKind.NOISE:
            return _noise(bot, sight, dice)
        case BotKind.MOMENTUM:
            return _momentum(bot, sight)
        case _:
            assert_never(bot.kind)


def _revert(bot: Bot, sight: Sight) -> Deal | None:
    """Trade against what has moved the price away from the index by more than a trade costs.

    What is there goes first. With no match on, when a trade costs least, it goes for less.
    """
    instrument = sight.instrument
    off_px = instrument.mid_px - instrument.index_px
    cost_ppm = instrument.half_spread_now_ppm + instrument.fee_ppm
    pays = abs(off_px) * PPM > cost_ppm * instrument.index_px
    if pays or not instrument.in_play:
        back = _back(sight)
        if back is not None:
            return back
    sign = -1 if off_px > 0 else 1
    if sight.play is Play.OFF or not pays or sight.stake.net * sign < 0:
        return None
    qty = instrument.depth * abs(off_px) // instrument.index_px // MEAN_PARTS
    return _towards(bot, sight, Side.BUY if sign > 0 else Side.SELL, qty)


def _back(sight: Sight) -> Deal | None:
    """The next piece of the way to nothing that leaves the price no further from the index.

    So it is had at the index or better but for half spread and fee. Where others have as much the
    other way for good there is none: the price would have to pay for it.
    """
    stake, inventory = sight.stake, sight.instrument.inventory
    if stake.held:
        qty = min(stake.held, inventory, sight.instrument.order_limit)
        return Shares(Side.SELL, qty) if qty > 0 else None
    for position in stake.positions:
        if position.qty <= -2 * inventory:
            return Closing(position.id)
    return None


def _noise(bot: Bot, sight: Sight, dice: Dice) -> Deal | None:
    """Trade a little, now and then more, either way; nothing is left at full time."""
    if sight.play is not Play.ON:
        return _out(sight)
    if dice.below(NOISE_MS) >= STEP_MS:
        return None
    side = (Side.BUY, Side.SELL)[dice.below(2)]
    qty = sight.instrument.depth // NOISE_PARTS // (1 + dice.below(NOISE_SIZES))
    return _towards(bot, sight, side, qty)


def _momentum(bot: Bot, sight: Sight) -> Deal | None:
    """Go along with the last moves of the index for a while, with a stop-loss."""
    stake, trail = sight.stake, sight.trail
    if stake.positions:
        held_ms = sight.now_ms - stake.positions[0].opened_ms
        return _out(sight) if held_ms >= HOLD_MS or sight.play is not Play.ON else None
    if sight.play is not Play.ON or not trail:
        return None
    # On a calendar that hurries there are fewer of them; what they come to is the same.
    moved_px = trail[-1] - trail[0]
    if abs(moved_px) * PPM < MOVE_PPM * trail[0]:
        return None
    instrument = sight.instrument
    side = Direction.LONG if moved_px > 0 else Direction.SHORT
    qty = min(bot.cap(instrument.depth) // MOMENTUM_PARTS, instrument.order_limit)
    return _open(instrument, side, qty, _stop_px(instrument, side)) if qty > 0 else None


def _towards(bot: Bot, sight: Sight, side: Side, qty: int) -> Deal | None:
    """*qty* more of the club if it is to *side* with it, else less, as far as the cap lets it.

    What is there on the other side goes first, so a bot never has both.
    """
    stake, instrument = sight.stake, sight.instrument
    sign = 1 if side is Side.BUY else -1
    room = bot.cap(instrument.depth) - sign * stake.net
    qty = min(qty, room, instrument.order_limit)
    if qty < 1:
        return None
    for position in stake.positions:
        if position.sign != sign:
            return Closing(position.id)  # all of it: what is left of one may not pay for its close
    if side is Side.BUY:
        return Shares(side, qty)
    if stake.held:
        return Shares(side, min(qty, stake.held))
    if len(stake.positions) >= POSITIONS[bot.kind]:
        return None
    return _open(instrument, Direction.SHORT, qty)


def _out(sight: Sight) -> Deal | None:
    """The next piece of the way to nothing."""
    stake = sight.stake
    if stake.positions:
        return Closing(stake.positions[0].id)
    qty = min(stake.held, sight.instrument.order_limit)
    return Shares(Side.SELL, qty) if qty else None


def _open(instrument: Instrument, side: Direction, qty: int, stop_px: int | None = None) -> Opening:
    return Opening(side, qty, min(LEVERAGE, highest_leverage(instrument, side, qty)), stop_px)


def _stop_px(instrument: Instrument, side: Direction) -> int:
    """The stop-loss 1 % behind the closing quote; in play at least as far as one has to be.

    And a quarter more than that, for the order waits, and the quote will be another one.
    """
    quote_px, away_px = closing_px(side, instrument), 0
    if instrument.in_play:
        away_px = SPREADS_MIN * (instrument.ask_px - instrument.bid_px) * 5 // 4
    away_px = max(away_px, quote_px // STOP_PARTS)
    # Away from the quote to the next price that a user may enter.
    if side is Direction.LONG:
        return (quote_px - away_px) // TICK_PX * TICK_PX
    return ceil_div(quote_px + away_px, TICK_PX) * TICK_PX


def _may(wanted: Deal, sight: Sight) -> bool:
    """Whether halts, losses and money let the bot do it; the exchange asks again."""
    halt = sight.instrument.halt
    if isinstance(wanted, Closing) or (isinstance(wanted, Shares) and wanted.side is Side.SELL):
        return not stops_closing(halt)
    full = isinstance(wanted, Opening) and sight.positions >= POSITIONS_MAX
    if sight.reduces or full or stops_opening(halt):
        return False
    return aside_e4(_cost_e4(wanted, sight.instrument)) <= sight.free_e4


def _cost_e4(wanted: Shares | Opening, instrument: Instrument) -> int:
    if isinstance(wanted, Shares):
        price = price_of(instrument, wanted.side, wanted.qty)
        return price.value_e4 + price.fee_e4
    price = price_of(instrument, entry_side(wanted.side), wanted.qty)
    return initial_margin(price.value_e4, wanted.leverage) + price.fee_e4
