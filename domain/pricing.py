"""Prices from index and inventory: the linear impact curve, exact in integers.

The house quotes around ``F * (1 + q/D)``: *index_px* F, net inventory sold q, depth D. A trade pays
the average over the part of the line it covers, so splitting it gains nothing.
Twin of lua/market.lua. Source: docs/market.md, "Prices".
"""

from dataclasses import dataclass

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Quotes:
    """What is published for one instrument; all in 1e-4 coin."""

    bid_px: int
    ask_px: int
    mid_px: int
    mark_px: int


def ceil_div(numerator: int, denominator: int) -> int:
    """Quotient rounded up."""
    return -(-numerator // denominator)


def index_of(base_px: int, offset_bps: int, min_px: int, max_px: int) -> int:
    """The index F: base price B moved by the match's offset S, within bounds."""
    return min(max(base_px * (10_000 + offset_bps) // 10_000, min_px), max_px)


def mid(index_px: int, inventory: int, depth: int) -> int:
    """Price of an infinitely small trade without spread."""
    return index_px + index_px * inventory // depth


def average_buy(index_px: int, inventory: int, depth: int, half_spread_ppm: int, qty: int) -> int:
    """Average price of buying *qty* from the house, spread included, rounded up."""
    impact = ceil_div(index_px * (2 * inventory + qty), 2 * depth)
    return ceil_div((index_px + impact) * (PPM + half_spread_ppm), PPM)


def average_sell(index_px: int, inventory: int, depth: int, half_spread_ppm: int, qty: int) -> int:
    """Average price of selling *qty* to the house, spread included, rounded down."""
    impact = index_px * (2 * inventory - qty) // (2 * depth)
    return (index_px + impact) * (PPM - half_spread_ppm) // PPM


def mark(index_px: int, inventory: int, depth: int, clamp_ppm: int) -> int:
    """The price holdings are valued at: the mid, with the impact of trades clamped."""
    premium_ppm = min(max(inventory * PPM // depth, -clamp_ppm), clamp_ppm)
    return index_px + index_px * premium_ppm // PPM


def quote(
    index_px: int, inventory: int, depth: int, *, half_spread_ppm: int, mark_clamp_ppm: int
) -> Quotes:
    """Bid, ask, mid and mark as published after every change."""
    mid_px = mid(index_px, inventory, depth)
    return Quotes(
        bid_px=mid_px * (PPM - half_spread_ppm) // PPM,
        ask_px=ceil_div(mid_px * (PPM + half_spread_ppm), PPM),
        mid_px=mid_px,
        mark_px=mark(index_px, inventory, depth, mark_clamp_ppm),
    )
