"""What the admin routes of the market are given."""

from __future__ import annotations

from dataclasses import dataclass

from ..store.bot_books import BotBooks
from ..store.bot_switch import BotSwitch
from ..store.fixture_acts import FixtureActs
from ..store.instrument_rules import InstrumentRules
from ..store.market_mode import MarketModes
from ..store.new_instruments import NewInstruments
from ..store.team_links import TeamLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketOperators:
    """The stores by which operators change the market.

    Attributes:
        modes: of the whole market. *rules*: halts and limits of single instruments.
        instruments: those that they list. *fixtures*: results that they set.
        links: of teams to instruments.
        bots: whether they may trade. *bot_books*: what they have gained.
    """

    modes: MarketModes
    rules: InstrumentRules
    instruments: NewInstruments
    fixtures: FixtureActs
    links: TeamLinks
    bots: BotSwitch
    bot_books: BotBooks
