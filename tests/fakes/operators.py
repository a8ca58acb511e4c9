"""What operators have to do with, over given servers."""

from redis import Redis
from touchline.http.market_operators import MarketOperators
from touchline.store.bot_books import BotBooks
from touchline.store.bot_switch import BotSwitch
from touchline.store.fixture_acts import FixtureActs
from touchline.store.hot import Hot
from touchline.store.instrument_rules import InstrumentRules
from touchline.store.keys import Keys
from touchline.store.market_mode import MarketModes
from touchline.store.new_instruments import NewInstruments
from touchline.store.postgres import Postgres
from touchline.store.team_links import TeamLinks


def market_operators(redis: Redis, pg: Postgres, keys: Keys, hot: Hot) -> MarketOperators:
    """The stores by which operators change the market."""
    return MarketOperators(
        modes=MarketModes(pg, redis, keys),
        rules=InstrumentRules(pg, redis, keys),
        instruments=NewInstruments(pg, hot),
        fixtures=FixtureActs(pg, redis, keys, hot),
        links=TeamLinks(pg, hot),
        bots=BotSwitch(pg),
        bot_books=BotBooks(pg),
    )
