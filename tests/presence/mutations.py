"""Rules that are broken on purpose: every one of them has to make a story end badly.

    python -m tests.presence break

What is changed in a script is changed in its text, what in Python, in the running process. Not
here are rules that spare work or time: a replica that beats again is not reaped, the dead are
dropped by whoever meets them, not only by the reaper, of two listeners the second begins nothing,
and a telling that is overtaken does not stand in for the next. They have tests of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from touchline.actors.hub.lobby import Lobby
from touchline.actors.hub.presence import Presence
from touchline.actors.hub.pulse import Pulse
from touchline.actors.hub.roster import Roster
from touchline.actors.hub.transitions import Transitions
from touchline.store.presence import Replica, Whereabouts
from touchline.store.reconnects import Reconnects


@dataclass(frozen=True, slots=True)
class InScript:
    """In script *name* (or its prelude) *old* becomes *new*."""

    name: str
    why: str
    old: str
    new: str

    def text(self, source: str) -> str:
        """*source*, with the rule broken if it is this script."""
        before, header, script = source.partition(f"-- {self.name}: ")
        if not header:
            return source
        assert self.old in script, f"{self.name} has no {self.old!r}"
        return before + header + script.replace(self.old, self.new, 1)

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Nothing is to be changed in this process."""
        yield


@dataclass(frozen=True, slots=True)
class InPython:
    """*name* of *owner* is *instead*."""

    owner: type
    name: str
    why: str
    instead: Callable[..., Any]

    def text(self, source: str) -> str:
        """No script is changed."""
        return source

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Break it, until the end of the block."""
        before = self.owner.__dict__[self.name]
        setattr(self.owner, self.name, self.instead)
        try:
            yield
        finally:
            setattr(self.owner, self.name, before)


def _beat_only(presence: Any) -> None:
    presence._replicas.beat(presence._lobby.told_ms()) or presence._replicas.beat(0)
    presence._tell()


def _acknowledge_all(transitions: Any, changes: Any, now_s: float) -> None:
    for change in changes:
        transitions._pending.pop(change.user, None)


def _tell_and_forget(presence: Any) -> None:
    transitions = presence._lobby.transitions
    while batch := transitions.oldest(100):
        transitions.acknowledge(batch, presence._lobby.now().at_s)
        _tell_batch(presence, batch)


def _tell_batch(presence: Any, batch: Any) -> None:
    lobby = presence._lobby
    changes = [Whereabouts(one.user, one.left, lobby.present(one.user)) for one in batch]
    presence._replicas.tell(changes, lobby.now().ms)


def _latest(transitions: Any, user: Any, at: Any) -> None:
    transitions._note(user, at)


def _joined_anew(transitions: Any, user: Any) -> None:
    transitions._note(user, None)


def _left_now(replica: Any, user: Any, left: Any) -> Any:
    at_ms = replica._monotonic() * 1000 + replica._ahead_ms
    return replica._change(user, str(left.ms), f"{at_ms:.0f}")


MUTATIONS: tuple[InScript | InPython, ...] = (
    # -- JOIN
    InScript("presence_join", "a first connection is no return",
             "if live and not since then", "if true then"),
    InScript("presence_join", "a return beside a dead replica is none",
             "if live and not since then", "if live then"),
    InScript("presence_join", "last_seen does not go back to a dead replica's heartbeat",
             "if since then lower", "if false then lower"),
    InScript("presence_join", "what is overtaken or lost is carried out all the same",
             "if not in_order(replicas, replica, number, heard)", "if false"),
    InScript("presence_join", "users are not listed for the reaper",
             "redis.call('SADD', users, user)", ""),
    InScript("presence_join", "joining is not noted",
             "redis.call('HSETNX', presence,", "type(presence,"),
    # -- LEAVE
    InScript("presence_leave", "leaving leaves the field",
             "redis.call('HDEL', presence, replica)", ""),
    InScript("presence_leave", "whoever has the user now has had them before",
             "if there and not since", "if live and not since"),
    InScript("presence_leave", "last_seen is not noted", "lower(last_seen,", "type(last_seen,"),
    InScript("presence_leave", "an absence that is over is no return",
             "returned(returns, user, channel)", ""),
    InScript("presence_leave", "a dead replica's heartbeat does not count",
             "math.min(left_ms, since or left_ms)", "left_ms"),
    InScript("presence_leave", "a dead replica that is dropped makes no absence",
             "if there and not since", "if there"),
    InScript("presence_leave", "what is overtaken or lost is carried out all the same",
             "if not in_order(replicas, replica, number, heard)", "if false"),
    # -- REAP
    InScript("presence_reap", "last_seen is not noted", "lower(last_seen,", "type(last_seen,"),
    InScript("presence_reap", "the field stays", "drop(presence, replicas, dead)", ""),
    InScript("presence_reap", "whoever is online elsewhere has not been away",
             "if redis.call('HLEN', presence) > 0 then", "if false then"),
    InScript("presence_forget", "who has users left is forgotten",
             "if redis.call('SCARD', users) > 0 then", "if false then"),
    # -- TAKE
    InScript("replay_take", "who is gone again is replayed",
             "if redis.call('HLEN', presence) == 0 then", "if false then"),
    InScript("replay_take", "a return that is done is done again",
             "if not stamp then return", "stamp = stamp or '0' if false then return"),
    InScript("replay_take", "last_seen goes when it is taken",
             "redis.call('GET', last_seen) or ''", "redis.call('GETDEL', last_seen) or ''"),
    InScript("replay_take", "the return goes when it is taken",
             "even_if_full(returns)", "redis.call('HDEL', returns, user)"),
    InScript("replay_tell", "whoever took too long tells all the same",
             "if redis.call('GET', lock) ~= owner .. ' ' .. stamp then", "if false then"),
    InScript("replay_tell", "a younger return is done with the older one",
             "redis.call('HGET', returns, user) == stamp and", ""),
    InScript("replay_tell", "an absence that has begun meanwhile is done with",
             "and redis.call('HLEN', presence) > 0", ""),
    InScript("replay_tell", "what is told is not kept for whoever can show it",
             "redis.call('RPUSH', replays, data)", ""),
    InScript("portfolio_remind", "only the newest of what waits is told",
             "'LRANGE', KEYS[2], 0, -1", "'LRANGE', KEYS[2], -1, -1"),
    # -- what they have in common
    InScript("presence", "a return is only published",
             "redis.call('HSET', returns,", "type(returns,"),
    InScript("presence", "the newest last_seen stays", "math.min(since, tonumber",
             "math.max(since, tonumber"),
    InScript("presence", "of two dead replicas the last heartbeat counts",
             "since = math.min(since or told, told)", "since = math.max(since or told, told)"),
    InScript("presence", "a replica that lost users is not told so",
             "if told then put_beat(replicas, name, at, told, 0) end", ""),
    InScript("presence", "what Redis has lost is not noticed",
             "newest < heard or number < newest", "number < newest"),
    InScript("presence", "what is overtaken is carried out",
             "newest < heard or number < newest", "newest < heard"),
    InScript("presence_beat", "the news of a silence comes once", "return {'refused', 'anew'}",
             "put_beat(replicas, replica, now_ms(), told, number) return {'refused', 'anew'}"),
    # -- heartbeats, and what replicas keep
    InPython(Presence, "_beat", "a replica that was thought dead has nothing to say", _beat_only),
    InPython(Presence, "_tell", "what is told is forgotten at once", _tell_and_forget),
    InPython(Transitions, "repeat", "departures are not told again", lambda _self: None),
    InPython(Transitions, "told_ms", "a heartbeat vouches for what is not told",
             lambda _self, now_ms: now_ms),
    InPython(Transitions, "left", "of two departures the later one counts", _latest),
    InPython(Transitions, "joined", "coming back undoes having left", _joined_anew),
    InPython(Transitions, "acknowledge", "what changed meanwhile is acknowledged too",
             _acknowledge_all),
    InPython(Replica, "_left", "who leaves has left when it is told", _left_now),
    InPython(Pulse, "sure", "who leaves during a standstill leaves at its end",
             lambda _self, now: now),
    InPython(Lobby, "_left_at", "a silent client was there until that is noticed",
             lambda self, _client, _reason: self.pulse.sure(self.now())),
    InPython(Roster, "had", "a connection that came later covers all before it",
             lambda self, user, _at_s: user in self.by_user),
    InPython(Reconnects, "waiting", "nobody looks for returns they have not heard of",
             lambda _self, older_than_s=0.0: []),
)  # fmt: skip
