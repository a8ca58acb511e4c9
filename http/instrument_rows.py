"""Instruments as lists show them, encoded once for each change: many ask, and few have moved."""

from __future__ import annotations

import msgspec

from ..domain.ids import InstrumentIdx
from ..domain.instrument import Instrument
from ..domain.outlook import Outlook, outlook_view
from ..domain.views import View, market_view
from .outlooks import KnownOutlooks


class InstrumentRows:
    """Rows by instrument, kept while it and what is known of its club stay the same."""

    def __init__(self, outlooks: KnownOutlooks, delay_ms: int) -> None:
        """Take *delay_ms*, what orders wait in play."""
        self._outlooks = outlooks
        self._delay_ms = delay_ms
        self._kept: dict[InstrumentIdx, tuple[Instrument, Outlook, msgspec.Raw]] = {}

    def view(self, instrument: Instrument) -> View:
        """The row of *instrument*."""
        outlook = outlook_view(self._outlooks.of(instrument.idx), instrument.mid_px)
        return market_view(instrument, self._delay_ms) | outlook

    def encoded(self, instrument: Instrument) -> msgspec.Raw:
        """The same as JSON."""
        outlook = self._outlooks.of(instrument.idx)
        kept = self._kept.get(instrument.idx)
        # The very same, not only an equal one: nothing is compared member by member.
        if kept is None or kept[0] is not instrument or kept[1] is not outlook:
            row = msgspec.Raw(msgspec.json.encode(self.view(instrument)))
            kept = self._kept[instrument.idx] = instrument, outlook, row
        return kept[2]
