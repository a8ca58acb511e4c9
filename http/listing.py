"""Names of instruments, kept in the process: they never change and every order needs them."""

from __future__ import annotations

import re

from ..domain.ids import InstrumentIdx
from ..domain.instrument import Instrument
from ..store.hot import Hot
from .problems import FieldError, Place, Problem, Refuse

IDX_MAX = 9_999  #: docs/market.md, "Instruments"


class Listing:
    """Finds instruments by idx or symbol."""

    def __init__(self, hot: Hot) -> None:
        self._hot = hot
        self._symbols: dict[InstrumentIdx, str] = {}
        self._indexes: dict[str, InstrumentIdx] = {}

    def idx_of(self, name: int | str, pointer: str, place: Place = "body") -> InstrumentIdx:
        """The idx that *name* (an idx, its digits, or a symbol) means. Raises Refuse."""
        idx = self._find(name)
        if idx is None:
            error = FieldError(pointer, "is neither the idx nor the symbol of one", place)
            raise Refuse(Problem("INSTRUMENT_UNKNOWN", "there is no such instrument", (error,)))
        return idx

    def symbol_of(self, idx: InstrumentIdx) -> str:
        """The symbol of a listed instrument. Raises KeyError for another."""
        if idx not in self._symbols:
            self._reload()
        return self._symbols[idx]

    def _find(self, name: int | str) -> InstrumentIdx | None:
        if isinstance(name, int):
            return self._by_idx(name)
        # At most four digits, so that int() never meets a text of thousands.
        if re.fullmatch(r"[0-9]{1,4}", name):
            return self._by_idx(int(name))
        if name not in self._indexes:
            self._reload()
        return self._indexes.get(name)

    def _by_idx(self, number: int) -> InstrumentIdx | None:
        idx = InstrumentIdx(number)
        if idx not in self._symbols and 1 <= number <= IDX_MAX:
            self._learn(self._hot.instrument(idx))
        return idx if idx in self._symbols else None

    def _reload(self) -> None:
        for instrument in self._hot.instruments():
            self._learn(instrument)

    def _learn(self, instrument: Instrument | None) -> None:
        if instrument is not None:
            self._symbols[instrument.idx] = instrument.symbol
            self._indexes[instrument.symbol] = instrument.idx
