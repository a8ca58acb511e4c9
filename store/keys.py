"""Every Redis key and channel, by the words of docs/glossary.md.

Keys that scripts touch carry the tag (`REDIS_KEY_TAG`): with a hash tag such as ``{m}`` all of them
lie in one slot, so the scripts are legal on a Redis Cluster. Channels carry no tag.
"""

from enum import StrEnum

PRICE_CHANNELS = "price:*"  #: pattern over all price channels
FIXTURE_CHANNELS = "fixture:*"  #: pattern over all fixture channels
LEADERBOARD_CHANNELS = "leaderboard:*"  #: pattern over all channels of leaderboards
USER_RECONNECT = "user:reconnect"  #: channel: a user came back (user id)
SESSION_REVOKED = "sess:revoked"  #: channel: a session was ended ({user}:{session})
PUT_BACK = "redis:put-back"  #: channel: Redis is about to be put back; a new life begins


#: A low is met by prices at it or below, a high by those at it or above.
TRIGGER_LEVELS = ("bid_low", "bid_high", "ask_low", "ask_high", "mark_low", "mark_high")

_STATES = ("instruments", "inst", "mode", "wallet", "hold", "pos", "open", "trig", "dirty")
_FACTS = ("trade_outbox", "position_outbox", "idem", "coid", "order", "pending", "settled")
_PRICES_AND_PUSHES = ("ticks", "watch", "pfseq", "pushes", "replay", "replayed")
#: First words of keys; see `Keys.tells_history`.
_HISTORY = frozenset((*_STATES, *_FACTS, *_PRICES_AND_PUSHES))


class State(StrEnum):
    """Kinds of state that the flusher carries to Postgres."""

    INSTRUMENTS = "instruments"
    WALLETS = "wallets"
    HOLDINGS = "holdings"
    POSITIONS = "positions"


class OutboxName(StrEnum):
    """The streams that scripts append facts to, each before they change what it tells of."""

    TRADES = "trade_outbox"
    POSITIONS = "position_outbox"


class Keys:
    """Names of keys under one *tag*."""

    def __init__(self, tag: str = "") -> None:
        self.tag = tag
        self.instruments = f"{tag}instruments"
        self.trade_outbox = self.outbox(OutboxName.TRADES)
        self.mode = f"{tag}mode"  # hash: what the whole market may do; see lua/mode_set.lua
        self.pending_orders = f"{tag}pending:orders"
        self.feed_health = f"{tag}feed:health"
        self.feed_anew = f"{tag}feed:anew"  # string: how often the scheduler was told to begin anew
        self.fixtures = f"{tag}fixtures"
        self.leaderboards = f"{tag}leaderboard"

    def outbox(self, name: OutboxName) -> str:
        """Stream: facts that are not yet known to be in Postgres."""
        return f"{self.tag}{name.value}"

    def inst(self, idx: int | str) -> str:
        """Hash: one instrument."""
        return f"{self.tag}inst:{idx}"

    def ticks(self, idx: int) -> str:
        """Stream: the instrument's published prices, 26 h of them or more."""
        return f"{self.tag}ticks:{idx}"

    def wallet(self, user: int | str) -> str:
        """Hash: cash, locked, v, and what waiting orders set aside; user 0 is the treasury."""
        return f"{self.tag}wallet:{user}"

    def hold(self, user: int | str) -> str:
        """Hash: idx, c:{idx} and v:{idx} for every instrument the user ever held.

        And l:{idx} and s:{idx}: what the user is long and short there.
        """
        return f"{self.tag}hold:{user}"

    def pos(self, position: str) -> str:
        """Hash: one CFD position; kept for 7 days after it was closed."""
        return f"{self.tag}pos:{position}"

    def open_by_user(self, user: int | str) -> str:
        """Set: the user's open positions."""
        return f"{self.tag}open:user:{user}"

    def open_by_club(self, idx: int | str) -> str:
        """Set: the instrument's open positions."""
        return f"{self.tag}open:inst:{idx}"

    def trig(self, idx: int | str) -> list[str]:
        """Sorted sets: open positions by the next price that concerns them, as in positions.lua."""
        return [f"{self.tag}trig:{idx}:{level}" for level in TRIGGER_LEVELS]

    def watch(self, idx: int) -> str:
        """Hash: id and s of the last tick that all positions have been checked at, and epoch."""
        return f"{self.tag}watch:{idx}"

    def idem(self, user: int, key: str) -> str:
        """Hash: fp and res of a command that was carried out under this idempotency key."""
        return f"{self.tag}idem:{user}:{key}"

    def coid(self, user: int, client_order_id: str) -> str:
        """String: the trade made under this client order id."""
        return f"{self.tag}coid:{user}:{client_order_id}"

    def order(self, order_id: str) -> str:
        """Hash: one order that waits or has waited, by the fields of its fact."""
        return f"{self.tag}order:{order_id}"

    def pending_of(self, user: int) -> str:
        """Set: the user's orders that wait; all of them are in `pending:orders` by release ms."""
        return f"{self.tag}pending:{user}"

    def pfseq(self, user: int | str) -> str:
        """String: number of the user's last portfolio push."""
        return f"{self.tag}pfseq:{user}"

    def pushes(self, user: int | str) -> str:
        """List: the user's last pushes, as they were published; 2 min after the newest."""
        return f"{self.tag}pushes:{user}"

    def settled(self, fixture: int) -> str:
        """String: there once the match has been settled."""
        return f"{self.tag}settled:{fixture}"

    def board(self, *names: str) -> str:
        """Sorted set: users by their scores (1e-4 coin) on the leaderboard called so."""
        return f"{self.tag}lb:{':'.join(names)}"

    def lease(self, name: str) -> str:
        """String: who does the job called *name*."""
        return f"{self.tag}lease:{name}"

    def heartbeat(self, name: str) -> str:
        """Hash: how the replica *name*, which is `service:replica`, said it was."""
        return f"{self.tag}hb:{name}"

    @property
    def heartbeats(self) -> str:
        """Sorted set: every replica by the moment of its last heartbeat (Redis ms)."""
        return f"{self.tag}hb:replicas"

    def orders(self, replica: str) -> str:
        """List: what operators want of one replica."""
        return f"{self.tag}ctl:{replica}"

    def meta(self, name: str) -> str:
        """String: a fact about this Redis itself, such as the epoch of its versions."""
        return f"{self.tag}meta:{name}"

    def dirty(self, state: State) -> str:
        """Set: members of *state* that Postgres has not seen in their newest version."""
        return f"{self.tag}dirty:{state.value}"

    def tells_history(self, key: str) -> bool:
        """Whether *key* is of what has happened: states, facts, and what follows from them.

        Not so who is connected, who leads, what operators want, and what is told anew all the time.
        """
        name = key.removeprefix(self.tag)
        return name.partition(":")[0] in _HISTORY

    def versioned(self, state: State, member: str) -> tuple[str, str]:
        """The hash a member of a dirty set stands for, and the field with its version."""
        match state:
            case State.INSTRUMENTS:
                return self.inst(member), "v"
            case State.WALLETS:
                return self.wallet(member), "v"
            case State.HOLDINGS:
                user, _, idx = member.partition(":")
                return self.hold(user), f"v:{idx}"
            case State.POSITIONS:
                return self.pos(member), "v"

    def presence(self, user: int) -> str:
        """Hash: since when the user has connections at each ws-server."""
        return f"{self.tag}ws:presence:{user}"

    @property
    def ws_replicas(self) -> str:
        """Hash: heartbeat of each ws-server."""
        return f"{self.tag}ws:replicas"

    @property
    def ws_returns(self) -> str:
        """Hash: users who are back and whom nobody has looked after, each with a stamp."""
        return f"{self.tag}ws:returns"

    def ws_users(self, replica: str) -> str:
        """Set: users connected to one ws-server."""
        return f"{self.tag}ws:users:{replica}"

    def last_seen(self, user: int) -> str:
        """String: since when (calendar ms) the user was away and nobody has looked after it."""
        return f"{self.tag}last_seen:{user}"

    def replay_lock(self, user: int) -> str:
        """String: which api-server replays for this user who has just come back."""
        return f"{self.tag}lock:replay:{user}"

    def replay(self, user: int) -> str:
        """List: data of `replay` pushes that nobody was shown yet; 10 min."""
        return f"{self.tag}replay:{user}"

    def replayed(self, user: int) -> str:
        """List: facts of closes by replays that none has told of yet, oldest first; 24 h."""
        return f"{self.tag}replayed:{user}"

    def oauth_nonce(self, nonce: str) -> str:
        """String: this nonce was given out and not used; 10 min."""
        return f"{self.tag}oauth:nonce:{nonce}"

    def oauth_state(self, state: str) -> str:
        """String: what belongs to somebody who is at Google; 10 min."""
        return f"{self.tag}oauth:state:{state}"

    @property
    def revoked_sessions(self) -> str:
        """Sorted set: ended sessions ({user}:{session}) by when that was (real ms); 13 h."""
        return f"{self.tag}sess:revoked"

    def wsjti(self, token_id: str) -> str:
        """String: this ws-token has been used."""
        return f"{self.tag}wsjti:{token_id}"


def price_channel(idx: int) -> str:
    """Channel of one instrument's ticks."""
    return f"price:{idx}"


def portfolio_channel(user: int) -> str:
    """Channel of one user's portfolio pushes."""
    return f"portfolio:{user}"
