"""What a connection needs at one turn of the sweep: a ping, a heartbeat, or an end.

Pure: decides, does not act. The sweep turns once a second and the connections'
numbers spread the periodic work, so that no second has all the pings; see wheel.py.

Source: docs/protocol.md, "Liveness".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .close_codes import PING_UNANSWERED, SESSION_ENDED, SLOW_CONSUMER
from .replies import HEARTBEAT_MS

if TYPE_CHECKING:
    from .roster import Client

PING_TURNS = 25  #: seconds between two pings of one connection
HEARTBEAT_TURNS = HEARTBEAT_MS // 1000
PONG_S = 10.0  #: a client that says nothing for this long after a ping is gone
STALL_S = 10.0  #: a client whose kernel takes nothing for this long does not read
#: After that a client has to show a fresh token; it may be looked at only in its next turn.
MAX_AGE_S = 12 * 3600.0 - HEARTBEAT_TURNS


@dataclass(frozen=True, slots=True)
class Care:
    """What to send; or, if *end* is there, the code and reason to close with."""

    ping: bool = False
    heartbeat: bool = False
    end: tuple[int, str] | None = None
    abrupt: bool = False  #: reset instead of waiting for a client that does not read


def in_doubt(client: Client) -> bool:
    """Whether it may be gone, or does not read: every turn may be its last."""
    return client.link.pinged_at is not None or client.link.stalled_at is not None


#: By whether a ping and a heartbeat are due. Made once: everybody is looked at every second.
_PERIODIC = {(p, h): Care(ping=p, heartbeat=h) for p in (False, True) for h in (False, True)}
NOTHING = _PERIODIC[False, False]


def care(client: Client, now_s: float, turn: int) -> Care:
    """What *client* needs at monotonic *now_s*, the *turn*-th second of the sweep."""
    link = client.link
    if link.stalled_at is not None and now_s - link.stalled_at > STALL_S:
        return Care(end=(SLOW_CONSUMER, "does not read"), abrupt=True)
    if link.pinged_at is not None and now_s - link.pinged_at > PONG_S:
        return Care(end=(PING_UNANSWERED, "ping unanswered"), abrupt=True)
    if now_s - client.opened_at > MAX_AGE_S:
        return Care(end=(SESSION_ENDED, "connect again with a fresh token"))
    place = turn + client.number
    return _PERIODIC[place % PING_TURNS == 0, place % HEARTBEAT_TURNS == 0]
