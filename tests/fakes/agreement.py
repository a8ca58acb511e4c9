"""What Postgres and Redis of an exchange must say at any moment of its story."""

from __future__ import annotations

from collections.abc import Mapping

from touchline.domain.positions import breach
from touchline.store import wire

from tests.fakes.bookkeeping import Books
from tests.fakes.timeline import Place, Timeline

#: What Postgres knows: every fact, and every state.
KNOWN = """
SELECT 'fact', treasury_version::text, 0, 0 FROM wallet_postings WHERE user_id = 0
 UNION ALL SELECT 'wallet', user_id::text, cash_e4, locked_e4 FROM wallets
 UNION ALL SELECT 'holding', user_id || ':' || idx, qty, 0 FROM holdings
 UNION ALL SELECT 'position', id::text, qty, margin_e4 FROM cfd_positions
 UNION ALL SELECT 'order', id::text,
   array_position(ARRAY['pending', 'filled', 'rejected'], status) - 1, 0 FROM orders
"""
RECORDS = """
SELECT id::text, status FROM orders
 UNION SELECT payload->>'id', payload->>'st' FROM trade_outbox WHERE payload->>'k' = 'order'
"""


def known_version(books: Books) -> int:
    """The newest version of the treasury that Postgres knows of a fact."""
    [(version,)] = books.rows(
        "SELECT coalesce(max(treasury_version), 0) FROM wallet_postings WHERE user_id = 0"
    )
    assert isinstance(version, int)
    return version


def known_up_to(books: Books, timeline: Timeline) -> tuple[Place, bool]:
    """The newest moment that Postgres or Redis knows of, and whether they do of all before it."""
    rows = set(books.rows(RECORDS))
    told = rows | {(name, "pending") for name, _ in rows}
    records = [each for each in timeline.moments if each.record]
    known = [each.place for each in records if each.record in told]
    last = max([timeline.held, (known_version(books), 0), *known])
    before = [each.place for each in records if timeline.held < each.place <= last]
    return last, set(before) <= set(known)


def check_postgres(books: Books, timeline: Timeline) -> None:
    """Postgres has a beginning of the story, and no state of later."""
    rows = books.rows(KNOWN)
    facts = sorted(int(str(name)) for kind, name, *_ in rows if kind == "fact")
    assert facts == timeline.versions[: len(facts)], "no beginning of what happened"
    newest = max(facts, default=0)
    assert newest >= timeline.promised[0]
    past = [m.world.rows for m in timeline.moments if m.place[0] <= newest]
    for kind, name, *told in rows:
        if kind != "fact":
            ahead = f"{kind} {name} was never {told}"
            assert any(tuple(told) == world.get((str(kind), str(name))) for world in past), ahead


def check_redis(books: Books, timeline: Timeline) -> None:
    """Redis is where the story is, and no money is made or lost."""
    world, hot = timeline.world, books.hot
    wallets = {user: hot.wallet(user) for user in (0, *books.users)}
    told = {user: (each.cash_e4, each.locked_e4) for user, each in wallets.items()}
    assert told == {user: world.wallets[user] for user in told}
    assert sum(map(sum, told.values())) == 0
    aside = {user: (each.reserved_e4, each.reserved_positions) for user, each in wallets.items()}
    assert aside == {user: world.aside(user) for user in aside}
    names = [books.keys.idem(each.user, key) for key, each in timeline.keys.items()]
    assert books.redis.exists(*names) == len(names), "what was made would be made again"
    assert set(books.redis.zrange(books.keys.pending_orders, 0, -1)) == world.waiting
    held = {
        (user, idx): holding.qty
        for user in books.users
        for idx, holding in hot.holdings(user).items()
    }
    assert held == {place: qty for place, qty in world.holdings.items() if place in held or qty}
    for club in hot.instruments():
        assert club.inventory == world.inventory(club.idx)
    open_ones = {each.id: each for each in books.positions() if each.qty}
    assert {name: (each.qty, each.margin_e4) for name, each in open_ones.items()} == {
        name: (abs(stake.qty), stake.margin_e4) for name, stake in world.stakes.items()
    }


def check_stops(
    books: Books, timeline: Timeline, since: Mapping[tuple[str, int], str], armed: set[str]
) -> None:
    """Nothing is open that a tick should have closed.

    Args:
        since: by positions and their numbers the last tick that does not concern them, where
            the one that the event says is lost.
        armed: positions that cannot be closed at the price of now.
    """
    ticks = {
        idx: [wire.tick_of(*each) for each in books.redis.xrange(books.keys.ticks(idx))]
        for idx in books.clubs
    }
    for name, stake in timeline.world.stakes.items():
        position = stake.position
        after = _order(since.get((name, position.number), position.checked_tick_id))
        for tick in ticks[stake.idx]:
            met = breach(position, tick) if _order(tick.id) > after else None
            assert met is None or name in armed, f"{name} is open after {tick}: {met}"


def _order(tick_id: str) -> tuple[int, int]:
    ms, _, number = tick_id.partition("-")
    return int(ms), int(number)
