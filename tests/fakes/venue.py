"""A day of matches whose Redis can be lost, and the books of it."""

from touchline.domain.halts import OPEN
from touchline.domain.trading import Side
from touchline.store.drain import drain_everything
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.scripts import CreditCommand, Filled, Scripts, TradeCommand

from tests.fakes.facts import AT_MS, add_users
from tests.fakes.matchday import KICKOFF, WON, Exchange


class Venue(Exchange):
    """An exchange whose Redis can be lost; nothing is flushed unless a test asks."""

    def flush(self):
        """Bring everything to Postgres."""
        drained = drain_everything(self.redis, self.keys, Scripts(self.redis, self.keys), self.pg)
        assert drained.complete

    def full_time(self):
        """Arsenal win, and the result stands until it is settled."""
        self.poll(KICKOFF)
        self.poll(WON)
        self.poll(after_s=120)

    def come_back(self):
        """Redis is put back, and another replica leads."""
        rehydrate(self.redis, self.keys, self.pg)
        self.redis.delete(self.keys.lease("scheduler"))  # it has expired
        self.scheduler = self.another("two")
        self.scheduler.started()
        for _ in range(4):
            self.poll(after_s=60)

    def buy(self, idx):
        """Somebody buys a share; the fact waits in the stream."""
        add_users(self.pg, 1)
        scripts, now_ms = Scripts(self.redis, self.keys), AT_MS
        grant, trade = (f"019a0000-0000-7000-8000-00000000000{n}" for n in (1, 2))
        scripts.wallet_credit(CreditCommand(grant, 1, "grant", 10**8, "w:1", "", now_ms))
        order = TradeCommand(trade, 1, idx, Side.BUY, 1000, None, "key", "print", None, now_ms)
        assert isinstance(scripts.execute([order])[0], Filled)

    def books(self):
        """What reconciliation says once everything is in Postgres."""
        self.flush()
        return reconcile(self.redis, self.keys, self.pg)

    def bases(self):
        """Both base prices, of clubs that must be open and at rest."""
        clubs = (self.arsenal, self.everton)
        assert all((c.index_px, c.offset_bps, c.halt) == (c.base_px, 0, OPEN) for c in clubs)
        return tuple(club.base_px for club in clubs)

    def ratings(self):
        """By team, Everton first."""
        with self.pg.transaction() as cursor:
            cursor.execute("SELECT rating FROM teams ORDER BY id")
            return [rating for (rating,) in cursor.fetchall()]
