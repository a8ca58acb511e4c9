"""What an api-server gives its admin routes of the market."""

from __future__ import annotations

from ..http.market_operators import MarketOperators
from ..store.bot_books import BotBooks
from ..store.bot_switch import BotSwitch
from ..store.fixture_acts import FixtureActs
from ..store.instrument_rules import InstrumentRules
from ..store.market_mode import MarketModes
from ..store.new_instruments import NewInstruments
from ..store.team_links import TeamLinks
from .stores import Stores


def market_operators(stores: Stores) -> MarketOperators:
    """The stores of *stores* by which operators change the market."""
    return MarketOperators(
        modes=MarketModes(stores.pg, stores.redis, stores.keys),
        rules=InstrumentRules(stores.pg, stores.redis, stores.keys),
        instruments=NewInstruments(stores.pg, stores.hot),
        fixtures=FixtureActs(stores.pg, stores.redis, stores.keys, stores.hot),
        links=TeamLinks(stores.pg, stores.hot),
        bots=BotSwitch(stores.pg),
        bot_books=BotBooks(stores.pg),
    )
