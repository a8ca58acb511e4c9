"""Nobody can make money of the house by order flow alone, however many accounts they have."""

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from touchline.domain.cfd import Changed
from touchline.domain.ids import UserId
from touchline.domain.positions import NO_STOPS, Direction, Stops
from touchline.domain.refusals import Refused
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side

from tests.fakes.bourse import Bourse, order_of, share_order
from tests.fakes.exchange import ARS

SHARES_MAX = 50_000  #: one order
GANG = tuple(UserId(number) for number in range(1, 61))


def bourse_of(*users: UserId, amount_e4: int = 500_000_000) -> Bourse:
    bourse = Bourse()
    for user in users:
        bourse.fund(user, amount_e4)
    return bourse


def buy(bourse: Bourse, users: Iterable[UserId], qty: int) -> dict[UserId, int]:
    """Have *users* buy *qty* in all, each as much as they may; what each has."""
    return _spread(
        qty, users, lambda user, part: bourse.trade(share_order(user, Side.BUY, part), 5)
    )


def sell(bourse: Bourse, held: dict[UserId, int]) -> None:
    for user, qty in held.items():
        for part in _parts(qty):
            assert not isinstance(bourse.trade(share_order(user, Side.SELL, part), 5), Refused)


def short(
    bourse: Bourse, users: Iterable[UserId], qty: int, leverage: int = 1
) -> dict[UserId, int]:
    """Have *users* go short by *qty* in all; what each is."""
    return _spread(
        qty, users, lambda user, part: enter(bourse, user, Direction.SHORT, part, leverage)
    )


def enter(
    bourse: Bourse, user: UserId, side: Direction, qty: int, leverage: int, stops: Stops = NO_STOPS
) -> Changed | Refused:
    name = f"p-{len(bourse.positions)}"
    return bourse.open(order_of(name, user, side, qty, leverage, stops), 5)


def leave_all(bourse: Bourse) -> None:
    """Everybody sells and closes everything; who cannot yet tries again when others have left."""
    for _ in range(8):
        bourse.scan_all(9)
        for position in bourse.open_positions():
            bourse.close(position.id, position.qty, 9)
        for (user, idx), holding in list(bourse.holdings.items()):
            for part in _parts(holding.qty):
                bourse.trade(share_order(user, Side.SELL, part, idx), 9)
    for position in bourse.open_positions():
        # Too small to pay for its own close: more margin does.
        bourse.remargin(position.id, position.open_value_e4 - position.margin_e4)
        bourse.close(position.id, position.qty, 9)
    assert not bourse.open_positions()
    assert bourse.instruments[ARS].inventory == 0


def _spread(
    qty: int, users: Iterable[UserId], act: Callable[[UserId, int], Any]
) -> dict[UserId, int]:
    done: dict[UserId, int] = {}
    for user in users:
        while qty and not isinstance(act(user, part := min(qty, SHARES_MAX)), Refused):
            qty -= part
            done[user] = done.get(user, 0) + part
    return done


def _parts(qty: int) -> list[int]:
    return [SHARES_MAX] * (qty // SHARES_MAX) + [qty % SHARES_MAX] * bool(qty % SHARES_MAX)


def test_a_long_opened_on_a_pumped_price_is_not_paid_for_by_the_house() -> None:
    bourse = bourse_of(*GANG)
    held = buy(bourse, GANG[:30], 3_000_000)
    for user in GANG[30:50]:
        enter(bourse, user, Direction.LONG, SHARES_MAX, 10)

    sell(bourse, held)
    leave_all(bourse)

    assert bourse.house_e4 > 0


def test_a_long_closed_on_a_price_pressed_down_is_not_paid_for_by_the_house() -> None:
    bourse = bourse_of(*GANG)
    for user in GANG[30:50]:
        enter(bourse, user, Direction.LONG, SHARES_MAX, 10)
    short(bourse, GANG[:30], 3_000_000)

    for position in bourse.open_positions()[:20]:
        bourse.close(position.id, position.qty, 5)
    leave_all(bourse)

    assert bourse.house_e4 > 0


_sizes = st.integers(1, SHARES_MAX)
_pushes = st.integers(1, 4_000_000)
_offs = st.integers(1, 60_000)


@settings(max_examples=60)
@given(
    side=st.sampled_from(Direction),
    sizes=st.lists(_sizes, min_size=1, max_size=10),
    push=_pushes,
    offs=st.tuples(_offs, _offs, _offs),
    kinds=st.sets(st.sampled_from(["stop", "profit", "trail"])),
    leverage=st.integers(1, 10),
    with_it=st.booleans(),
    late=st.booleans(),
)
def test_pushing_the_price_through_stops_and_back_only_costs(
    side: Direction,
    sizes: list[int],
    push: int,
    offs: tuple[int, int, int],
    kinds: set[str],
    leverage: int,
    with_it: bool,
    late: bool,
) -> None:
    bourse, sign = bourse_of(*GANG), side.sign
    at_px = bourse.instruments[ARS].mid_px
    stops = Stops(
        at_px - sign * (offs[0] + 5_000) if "stop" in kinds else None,
        at_px + sign * (offs[1] + 5_000) if "profit" in kinds else None,
        offs[2] if "trail" in kinds else None,
    )
    for user, qty in zip(GANG[:10], sizes, strict=False):
        enter(bourse, user, side, qty, leverage, stops)

    # Others drive the price to where the position gains, or to where it loses.
    if (side is Direction.LONG) == with_it:
        held = buy(bourse, GANG[10:], push)
        if late:
            sell(bourse, held)
    else:
        short(bourse, GANG[10:], push)
        if late:
            for position in bourse.open_positions()[len(sizes) :]:
                bourse.close(position.id, position.qty, 5)
    bourse.scan_all(6)
    leave_all(bourse)

    assert bourse.house_e4 >= 0


_step = st.tuples(
    st.sampled_from(["long", "short", "long", "short", "buy", "close", "stops", "margin", "scan"]),
    st.integers(0, 11),
    _sizes | st.just(SHARES_MAX),
    st.sampled_from([1, 2, 5, 10, 10]),
    st.none() | _offs,
    st.none() | _offs,
)


def act(bourse: Bourse, step: tuple[str, int, int, int, int | None, int | None]) -> None:
    """One step of somebody in ARS; owners are scanned before they change anything."""
    kind, who, qty, leverage, loss, gain = step
    club, user = bourse.instruments[ARS], GANG[who]
    if kind in ("long", "short"):
        side = Direction(kind)
        enter(bourse, user, side, qty, leverage, _stops(side, club.mid_px, loss, gain))
    elif kind == "buy":
        bourse.trade(share_order(user, Side.BUY if leverage > 1 else Side.SELL, qty), 5)
    elif kind == "scan":
        bourse.scan_all(5)
    elif positions := bourse.open_positions():
        position = positions[(who * 7 + qty) % len(positions)]
        for _ in bourse.scan(position.id, 5):
            pass
        if kind == "close":
            bourse.close(position.id, min(qty, max(1, position.qty)), 5)
        elif kind == "stops":
            bourse.restop(position.id, _stops(position.side, club.mid_px, loss, gain))
        else:
            bourse.remargin(position.id, (qty if gain else -qty) * leverage * 100)


def _stops(side: Direction, at_px: int, loss: int | None, gain: int | None) -> Stops:
    return Stops(
        None if loss is None else at_px - side.sign * (loss + 3_000),
        None if gain is None else at_px + side.sign * (gain + 3_000),
        None if loss is None or gain is None else loss + gain,
    )


@settings(max_examples=60)
@given(steps=st.lists(_step, min_size=5, max_size=60))
def test_while_the_index_stands_still_the_house_only_gains(steps: list[Any]) -> None:
    bourse = bourse_of(*GANG[:12])

    for step in steps:
        act(bourse, step)
    leave_all(bourse)

    assert bourse.house_e4 >= 0
    assert sum(each.cash_e4 + each.locked_e4 for each in bourse.wallets.values()) == 0


@settings(max_examples=60)
@given(
    steps=st.lists(_step, min_size=5, max_size=40),
    moves=st.lists(st.integers(-2_500, 2_500), min_size=1, max_size=6),
)
def test_whatever_the_index_does_nobody_loses_more_than_their_margin(
    steps: list[Any], moves: list[int]
) -> None:
    bourse, staked = bourse_of(*GANG[:12]), dict[str, int]()

    for number, step in enumerate(steps):
        if number % 4 == 0:
            offset_bps = moves[number // 4 % len(moves)]
            bourse.feed(IndexChange(idx=ARS, now_ms=5, offset_bps=offset_bps))
        act(bourse, step)
        for position in bourse.positions.values():
            lost_e4 = max(0, -position.realized_e4)
            staked[position.id] = max(staked.get(position.id, 0), position.margin_e4 + lost_e4)
            assert position.realized_e4 >= -staked[position.id]
            assert position.margin_e4 >= 0 <= position.fees_e4
        _prove_wallets(bourse)


def _prove_wallets(bourse: Bourse) -> None:
    """No wallet is negative, and what is locked is the margin of open positions."""
    for user in GANG[:12]:
        wallet = bourse.wallets[user]
        margins_e4 = sum(position.margin_e4 for position in bourse.open_positions(user))
        assert wallet.cash_e4 >= 0 <= wallet.locked_e4 == margins_e4
    assert sum(each.cash_e4 + each.locked_e4 for each in bourse.wallets.values()) == 0
