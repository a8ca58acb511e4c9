"""Redis hashes as domain values and back. Everything in Redis is text."""

from collections.abc import Mapping
from dataclasses import asdict

from ..domain.halts import Halt, Phase
from ..domain.ids import InstrumentIdx
from ..domain.instrument import Instrument
from ..domain.portfolio import Holding, Wallet

_TEXTS = {"sym": "symbol", "name": "name", "phase": "phase", "tid": "last_tick_id"}
_NUMBERS = {
    "B": "base_px",
    "f": "index_px",
    "S": "offset_bps",
    "halt": "halt",
    "q": "inventory",
    "so": "short_interest",
    "d": "depth",
    "qcap": "qcap",
    "hs": "half_spread_ppm",
    "fee": "fee_ppm",
    "omax": "order_max",
    "ucap": "user_cap",
    "imr": "max_leverage",
    "clamp": "mark_clamp_ppm",
    "fmin": "index_min_px",
    "fmax": "index_max_px",
    "bid": "bid_px",
    "ask": "ask_px",
    "mid": "mid_px",
    "mark": "mark_px",
    "seq": "seq",
    "ts": "ticked_ms",
    "v": "version",
}
_FIELDS = _TEXTS | _NUMBERS


def instrument_hash(instrument: Instrument) -> dict[str, str]:
    """Fields of ``inst:{idx}``."""
    values = asdict(instrument)
    texts = {field: str(values[name]) for field, name in _TEXTS.items()}
    return texts | {field: str(int(values[name])) for field, name in _NUMBERS.items()}


def instrument_of(idx: InstrumentIdx, fields: Mapping[str, str]) -> Instrument:
    """The instrument kept in ``inst:{idx}``.

    Raises:
        KeyError, ValueError: the hash is incomplete or holds nonsense.
    """
    return Instrument(
        idx=idx,
        symbol=fields["sym"],
        name=fields["name"],
        phase=Phase(fields["phase"]),
        last_tick_id=fields["tid"],
        halt=Halt(int(fields["halt"])),
        **{name: int(fields[field]) for field, name in _NUMBERS.items() if name != "halt"},
    )


def wallet_of(fields: Mapping[str, str]) -> Wallet:
    """The wallet kept in ``wallet:{uid}``; an absent one is empty, at version 0."""
    return Wallet(*(int(fields.get(name, 0)) for name in ("cash", "locked", "v", "rsv", "rpos")))


def wallet_hash(wallet: Wallet) -> dict[str, str]:
    """Fields of ``wallet:{uid}`` but for what orders have set aside, which follows from them."""
    return {
        "cash": str(wallet.cash_e4),
        "locked": str(wallet.locked_e4),
        "v": str(wallet.version),
    }


def holdings_of(fields: Mapping[str, str]) -> dict[InstrumentIdx, Holding]:
    """The holdings kept in ``hold:{uid}``, sold-out ones included, in the order of idx."""
    indexes = sorted(int(field) for field in fields if field.isdecimal())
    return {
        InstrumentIdx(idx): Holding(
            int(fields[str(idx)]), int(fields.get(f"c:{idx}", 0)), int(fields.get(f"v:{idx}", 0))
        )
        for idx in indexes
    }


def holding_hash(idx: InstrumentIdx, holding: Holding) -> dict[str, str]:
    """Fields of one holding in ``hold:{uid}``."""
    return {
        str(idx): str(holding.qty),
        f"c:{idx}": str(holding.cost_e4),
        f"v:{idx}": str(holding.version),
    }
