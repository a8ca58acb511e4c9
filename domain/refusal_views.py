"""Refusals as clients see them. Source: docs/market.md, "Refusals"."""

from collections.abc import Mapping

from .halts import Halt, Phase, reasons
from .money import format_e4, format_px, format_qty
from .position_views import View
from .refusals import Refused


def refusal_view(refused: Refused) -> View:
    """The extension members of a refusal's problem document (without its code)."""
    if "halt" in refused.details:
        halt, phase = Halt(int(refused.details["halt"])), Phase(str(refused.details["phase"]))
        return {"halt_reasons": list(reasons(halt, phase))}
    return dict(_formatted(refused.details))


_UNITS = {"_e4": format_e4, "_px": format_px, "_qty": format_qty}
_EXTENSIONS = {
    "required_e4": "required",
    "available_e4": "available",
    "available_qty": "available",
    "limit_qty": "limit",
    "held_qty": "held",
    "quoted_px": "quoted_price",
    "limit_px": "limit",
    "limit_e4": "limit",
    "liquidation_px": "liquidation_price",
}
_PLAIN = {
    "limit_leverage": "limit",
    "limit_positions": "limit",
    "reason": "reason",
    "version": "version",
}


def _formatted(details: Mapping[str, int | str]) -> View:
    plain: View = {member: details[name] for name, member in _PLAIN.items() if name in details}
    return plain | {
        member: _UNITS[name[name.rindex("_") :]](int(details[name]))
        for name, member in _EXTENSIONS.items()
        if name in details
    }
