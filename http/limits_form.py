"""Limits of instruments as admins write and read them, and why some cannot be.

Source: docs/protocol.md, "Admin: the market".
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ..domain.ids import InstrumentIdx
from ..domain.instrument import INDEX_PX_MAX, INDEX_PX_MIN, new_instrument
from ..domain.limits import Fault, Limits, fault, limits_of
from ..domain.money import format_px, format_qty
from ..protocol.admin_markets import InstrumentRuled, LimitsShown
from ..store.instrument_rules import Rule
from ..store.new_instruments import NewInstrument
from .admin_form import Reason
from .problems import FieldError, Problem, Refuse
from .validate import PriceText, QuantityText, invalid, price, quantity

_QUANTITIES = ("depth", "qcap", "user_cap", "order_max")
_WHOLE = ("half_spread_ppm", "fee_ppm", "mark_clamp_ppm", "max_leverage")
_Whole = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

Symbol = Annotated[
    str,
    msgspec.Meta(
        pattern=r"\A(?=.*[A-Z])[A-Z0-9]{1,12}\Z",
        description="must be 1 to 12 of A-Z and 0-9, and not digits alone",
    ),
]
ClubName = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=100,
        pattern=r"\A[^\x00-\x1f\x7f]*\Z",
        description="must be 1 to 100 characters, all in one line",
    ),
]


class LimitsWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `PATCH /v1/admin/instruments/{idx}`; what is left out stays as it is."""

    reason: Reason
    depth: QuantityText | None = None
    qcap: QuantityText | None = None
    user_cap: QuantityText | None = None
    order_max: QuantityText | None = None
    half_spread_ppm: _Whole | None = None
    fee_ppm: _Whole | None = None
    mark_clamp_ppm: _Whole | None = None
    max_leverage: _Whole | None = None


class InstrumentWanted(LimitsWanted, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /v1/admin/instruments`; limits that are left out are the standard ones."""

    symbol: Symbol
    name: ClubName
    team_id: Annotated[int, msgspec.Meta(ge=1, le=2_147_483_647)] | None = None
    base_price: PriceText = "100"


def limits_wanted(wanted: LimitsWanted) -> dict[str, int]:
    """Those limits that are given, by name and in units. Raises Refuse."""
    given = {name: getattr(wanted, name) for name in (*_QUANTITIES, *_WHOLE)}
    return {
        name: quantity(value, f"/{name}") if name in _QUANTITIES else value
        for name, value in given.items()
        if value is not None
    }


def new_wanted(wanted: InstrumentWanted, mark: str) -> NewInstrument:
    """The instrument that is to be listed; *mark* is the act that lists it. Raises Refuse."""
    base_px = price(wanted.base_price, "/base_price")
    if not INDEX_PX_MIN <= base_px <= INDEX_PX_MAX:
        bounds = f"must be {format_px(INDEX_PX_MIN)} to {format_px(INDEX_PX_MAX)}"
        raise invalid("/base_price", bounds)
    standard = limits_of(new_instrument(InstrumentIdx(1), wanted.symbol, wanted.name))
    limits = Limits(**{**_by_name(standard), **limits_wanted(wanted)})
    if wrong := fault(limits):
        raise unfit(wrong)
    return NewInstrument(wanted.symbol, wanted.name, wanted.team_id, base_px, limits, mark)


def unfit(wrong: Fault) -> Refuse:
    """A refusal (to raise) that names the limit and what it may be."""
    least, most = (_shown(wrong.field, bound) for bound in (wrong.least, wrong.most))
    detail = f"must be {least} to {most}, beside the other limits and what is open"
    error = FieldError(f"/{wrong.field}", detail)
    told = {"least": least, "most": most}
    return Refuse(Problem("LIMIT_INVALID", f"{wrong.field} {detail}", (error,), told))


def ruled(idx: InstrumentIdx, rule: Rule) -> InstrumentRuled:
    """*rule* as admins see it."""
    numbers = _by_name(rule.limits)
    limits = LimitsShown(**{name: _shown(name, number) for name, number in numbers.items()})  # type: ignore[arg-type]  # texts and numbers, by name
    return InstrumentRuled(
        idx=idx,
        symbol=rule.symbol,
        name=rule.name,
        team_id=rule.team_id,
        mode=rule.mode.value,
        reason=rule.note or None,
        limits=limits,
        version=rule.limits_version,
    )


def _shown(name: str, number: int) -> str | int:
    return format_qty(number) if name in _QUANTITIES else number


def _by_name(limits: Limits) -> dict[str, int]:
    return {name: getattr(limits, name) for name in (*_QUANTITIES, *_WHOLE)}
